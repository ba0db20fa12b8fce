"""Backward of a batch and of its parts, which two checks compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.observations import (
    observations_meet,
    output_batch_axes,
    sub_point,
    take,
)
from layercheck.outcome import Cause
from layercheck.subject import Arrays, Gradients
from layercheck.suites.agreement import passes
from layercheck.suites.batch_parts import (
    require_apart_by_declaration,
    require_fitting,
    require_several,
    splits,
    stop,
)
from layercheck.suites.evidence import tensors
from layercheck.verdict import skip

# The first observation alone, and two more splits: what the gradient suite verifies is exact.
SPLITS = 3


@dataclass(frozen=True)
class Part:
    """Some observations of the batch, and the gradients that they have on their own."""

    observations: np.ndarray
    gradients: Gradients


def gradients_of_batch(case: Case) -> Gradients:
    """The gradients of the whole batch; skips where those of its parts say nothing about it."""
    case.require_backward()
    require_several(case)
    require_apart_by_declaration(case)
    if case.subject.facts.mixes == "B":
        skip("observations are declared to influence each other in training (mixes=B)")
    if None in output_batch_axes(case):
        skip("an output does not follow the batch size; name its layout (--declare output=CB)")
    if observations_meet(case):
        skip("observations influence each other in forward")
    whole = case.gradients()
    for tensor in tensors(case, case.point(), whole):
        shape = np.shape(tensor.value)
        if tensor.gradient is not None and np.shape(tensor.gradient) != shape:
            skip("needs shapes.gradients")
    return whole


def gradients_of_parts(case: Case) -> list[tuple[Part, ...]]:
    """The gradients of the parts of a few splits of the batch."""
    return case.memo("gradients of parts", lambda: list(_parts(case)))


def _parts(case: Case) -> Iterator[tuple[Part, ...]]:
    upstream, axes = case.upstream(case.base().outputs), output_batch_axes(case)
    for _, split in zip(range(SPLITS), splits(case), strict=False):
        yield tuple(part_of(case, observations, upstream, axes) for observations in split)


def part_of(
    case: Case, observations: np.ndarray, upstream: Arrays, axes: Sequence[int | None]
) -> Part:
    """Return what some observations of the batch have on their own."""
    mode = passes(case)[-1]
    d = tuple(take(dz, observations, axis) for dz, axis in zip(upstream, axes, strict=True))
    try:
        evaluation = case.evaluate(sub_point(case, case.point(), observations), mode)
    except LayerError as error:
        stop(case, len(observations), error, mode)
    require_fitting(case, evaluation, len(observations))
    try:
        gradients = case.pull_back(evaluation, d)
    except LayerError as error:
        stop(case, len(observations), error, None)
    return _fitting(case, Part(observations, gradients))


def _fitting(case: Case, part: Part) -> Part:
    """Skip the check where a gradient has not the shape of its array."""
    for tensor in tensors(case, sub_point(case, case.point(), part.observations), part.gradients):
        shape = np.shape(tensor.value)
        if tensor.gradient is not None and np.shape(tensor.gradient) != shape:
            one = len(part.observations) == 1
            skip(f"needs batch.{'single_observation' if one else 'other_batch_sizes'}")
    return part


def mean_instead_of_sum(what: str, size: int) -> Cause:
    """Return the cause of a gradient that is divided by the batch size."""
    return Cause(
        "mean-instead-of-sum",
        f"{what} is 1/{size} of what a sum over the batch gives, and a batch of n has the factor "
        "1/n: backward() averages over B where it should sum.",
        {"batch_size": size, "ratio": 1 / size},
    )
