"""The check that backward keeps the input gradients of observations apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.observations import (
    halves,
    observations_that_differ,
    output_batch_axes,
)
from layercheck.outcome import Cause
from layercheck.subject import Gradients
from layercheck.suites.agreement import (
    Disagreement,
    counted,
    disagreement,
    gradient_pairs,
)
from layercheck.suites.batch_backward import (
    Part,
    gradients_of_batch,
    gradients_of_parts,
    mean_instead_of_sum,
)
from layercheck.suites.batch_parts import (
    APART_BACKWARD,
    assemble,
)
from layercheck.tolerances import tolerance
from layercheck.verdict import Passed, fail, skip


def input_gradients_independent(case: Case) -> Passed | None:
    """The input gradient of each observation is the one that it has alone.

    Where forward keeps observations apart, so does the true gradient. One that is divided by the
    batch size, or reduced over B, trains with a learning rate that changes with the batch. The
    usual causes are `/ len(x)` in backward, a mean where a sum belongs, and a reduction over the
    wrong axis.

    Fix: backward returns the gradient of the sum over all observations; the loss decides whether
    it is a mean, and its upstream gradient has that factor already.
    """
    whole = gradients_of_batch(case)
    if all(dx is None for dx in whole.inputs):
        skip("no input has a gradient: all hold integers")
    if case.is_random:
        _require_upstream_apart(case, whole)
        return None
    axes = [layout.axis("B") for layout in case.layouts]
    for parts in gradients_of_parts(case):
        alone = _input_gradients(parts, axes, whole)
        differs = disagreement(gradient_pairs(case, whole.inputs, alone, of="inputs"))
        if differs is not None:
            _fail_inputs(case, differs, parts, axes[differs.pair.number])
    return None


def _input_gradients(
    parts: Sequence[Part], axes: Sequence[int | None], whole: Gradients
) -> list[Any]:
    """What the parts give together; an input that all observations share has the sum."""
    found: list[Any] = []
    for i, (axis, dx) in enumerate(zip(axes, whole.inputs, strict=True)):
        own = [part.gradients.inputs[i] for part in parts]
        if dx is None or any(d is None for d in own):
            found.append(None)
        elif axis is None:
            found.append(sum(own))
        else:
            pairs = [(part.observations, (d,)) for part, d in zip(parts, own, strict=True)]
            found.extend(assemble(pairs, (axis,), (dx,)))
    return found


def _fail_inputs(
    case: Case, differs: Disagreement, parts: Sequence[Part], axis: int | None
) -> None:
    number = differs.pair.number
    cause = _averaged(case, differs, parts, axis)
    fail(
        f"backward() gives an observation another gradient of {case.subject.input_names[number]} "
        "in the batch than in a part of it.",
        source=case.subject.sources.get("backward"),
        cause=cause or _upstream_leak(case, number, axis),
        fix="Divide by nothing in backward(), and reduce over no B." if cause else APART_BACKWARD,
        **differs.evidence,
    )


def _averaged(
    case: Case, differs: Disagreement, parts: Sequence[Part], axis: int | None
) -> Cause | None:
    """Return mean-instead-of-sum where each part's gradient times its size is the batch's."""
    size, pair = case.batch_size or 0, differs.pair
    if axis is None or differs.difference is None:
        return None
    own = [
        (p.observations, (len(p.observations) / size * p.gradients.inputs[pair.number],))
        for p in parts
    ]
    (mean,) = assemble(own, (axis,), (pair.actual,))
    if disagreement([replace(pair, expected=mean)]) is not None:
        return None
    return mean_instead_of_sum(f"the input gradient of a batch of {size}", size)


def _require_upstream_apart(case: Case, whole: Gradients) -> None:
    """Fail where an observation's input gradient moves with another's upstream gradient."""
    for number, (dx, layout) in enumerate(zip(whole.inputs, case.layouts, strict=True)):
        axis = layout.axis("B")
        cause = None if dx is None or axis is None else _upstream_leak(case, number, axis)
        if cause is not None:
            fail(
                f"backward() gives an observation a gradient of {case.subject.input_names[number]} "
                "that depends on the upstream gradients of others.",
                source=case.subject.sources.get("backward"),
                cause=cause,
                fix=APART_BACKWARD,
            )


def _upstream_leak(case: Case, number: int, axis: int | None) -> Cause | None:
    """Return batch-leak where upstream gradients of others change an input gradient."""
    if axis is None:
        return None
    whole, base = case.gradients(), case.base()
    d = case.upstream(base.outputs)
    change = case.gradient_spread.inputs[number]
    limit = tolerance(np.asarray(whole.inputs[number]), change, case.eps)
    for half in halves(case):
        mixed = tuple(
            np.where(_along(half, axis_z, dz.ndim), -dz, dz)
            for dz, axis_z in zip(d, output_batch_axes(case), strict=True)
        )
        dx = case.pull_back(base, mixed).inputs[number]
        moved = observations_that_differ(dx, whole.inputs[number], axis, limit) & ~half
        if moved.any():
            observation = int(np.flatnonzero(moved)[0])
            return Cause(
                "batch-leak",
                f"changing only the upstream gradients of {counted(int(half.sum()), 'other')} "
                f"changes the input gradient of observation {observation}: backward() mixes "
                "observations.",
                {"changed": np.flatnonzero(half).tolist(), "moved": observation},
            )
    return None


def _along(mask: np.ndarray, axis: int | None, rank: int) -> np.ndarray:
    shape = [-1 if a == axis else 1 for a in range(rank)]
    return mask.reshape(shape)
