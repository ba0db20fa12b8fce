"""Whether outputs follow small steps of what a layer computes with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from layercheck.case import Case, Point
from layercheck.tolerances import rms

_STEPS = (2.0**-10, 2.0**-16)  # relative to the size of each array
_ROUNDINGS = 8  # what such a step must change an output by


def outputs_follow(case: Case, at: Callable[[float], Point]) -> bool:
    """Whether the outputs move with each of two small steps; `at` gives the point of a step."""
    return all(_differ(case, at(step)) for step in _STEPS)


def stepped(value: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Return floating values moved by `step` of their size, each to a random side."""
    if value.dtype.kind not in "fc":
        return value
    signs = rng.choice([-1.0, 1.0], value.shape)
    moved: np.ndarray = (value + step * (rms(value) or 1.0) * signs).astype(value.dtype)
    return moved


def _differ(case: Case, point: Point) -> bool:
    """Whether an output of the base pass differs at another point beyond rounding."""
    base = case.base()
    moved = case.evaluate(point, base.mode)
    return any(
        np.max(np.abs(a - b), initial=0.0) > _ROUNDINGS * case.eps * np.max(np.abs(a), initial=0.0)
        for a, b in zip(base.outputs, moved.outputs, strict=True)
        if np.asarray(a).dtype.kind in "fc"
    )
