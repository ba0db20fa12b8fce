"""Subjects of small layers, and one forward and backward of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.conventions import adapt
from layercheck.conventions.request import Request
from layercheck.layout import parse_layout_option
from layercheck.subject import Subject


def subject_of(layer: Any, *layouts: str, **options: Any) -> Subject:
    """Adapt a layer at layouts; options are those of `Request`."""
    parsed = tuple(parse_layout_option(text) for text in layouts)
    return adapt(Request(layer=layer, name="Layer", layouts=parsed, **options))


@dataclass(frozen=True)
class Round:
    """One forward and one backward."""

    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    upstream: tuple[Any, ...]
    states: tuple[Any, ...]
    input_gradients: tuple[Any, ...]
    gradients: dict[str, Any]
    values: dict[str, Any]


def run(subject: Subject, *, inputs=None, mode="forward", dtype="float64", seed=0, batch=None):
    """Evaluate and pull back at the subject's own learnables and states."""
    rng = np.random.default_rng(11)
    layouts = tuple(layout.resolved() for layout in subject.layouts)
    if batch is not None:
        layouts = tuple(layout.with_size("B", batch) for layout in layouts)
    if inputs is None:
        inputs = tuple(rng.normal(size=layout.shape).astype(dtype) for layout in layouts)
    learnables = tuple(np.asarray(slot.value).astype(dtype) for slot in subject.learnables)
    dtype = np.dtype(dtype)
    states = subject.build(dtype, layouts).states()
    evaluation = subject.evaluate(
        inputs, learnables, states, mode=mode, dtype=dtype, layouts=layouts, seed=seed
    )
    upstream = tuple(rng.normal(size=z.shape).astype(dtype) for z in evaluation.outputs)
    found = subject.pull_back(evaluation, upstream)
    names = [slot.name for slot in subject.learnables]
    return Round(
        inputs,
        evaluation.outputs,
        upstream,
        evaluation.states,
        found.inputs,
        dict(zip(names, found.learnables, strict=True)),
        dict(zip(names, learnables, strict=True)),
    )


def gradient_places(subject: Subject) -> dict[str, str | None]:
    """Return where the gradient of each learnable was found."""
    return {slot.name: slot.gradient for slot in subject.learnables}


def require_affine(found: Round, weight: str, bias: str) -> None:
    """Require the closed form of x W + b and of its gradients."""
    (x,), (dz,) = found.inputs, found.upstream
    np.testing.assert_allclose(found.outputs[0], x @ found.values[weight] + found.values[bias])
    np.testing.assert_allclose(found.input_gradients[0], dz @ found.values[weight].T)
    np.testing.assert_allclose(found.gradients[weight], x.T @ dz, rtol=1e-6)
    bias_shape = found.values[bias].shape
    np.testing.assert_allclose(found.gradients[bias].reshape(-1), dz.sum(axis=0), rtol=1e-6)
    assert found.gradients[bias].shape == bias_shape
