"""Arguments at which formulas break: large, tiny, zero, constant; within the range given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from layercheck.case import Case, Point
from layercheck.verdict import skip

LARGE = 1e3
# Values of +-2 are not zero and away from it by 2^-7: times this, their fourth powers and the
# reciprocals of these are still normal numbers, which layers may count on.
TINY_POWER = 0.2
Range = tuple[float, float]
Values = Callable[[np.ndarray, Range | None], np.ndarray | None]


def largest(case: Case) -> tuple[Point, str]:
    """Return inputs up to 1e3, or at the ends of their ranges, and words for them."""
    return _point(case, _large), _words(case, "values up to 1e3", "the ends of --range")


def smallest(case: Case) -> tuple[Point, str]:
    """Return inputs near 0, and words for them."""
    scale = _tiny_scale(case)
    words = f"values of about {scale:.0e}"
    return _point(case, partial(_tiny, scale=scale)), words


def zero_values(case: Case) -> tuple[Point, str]:
    """Return inputs that are all zero, and words for them."""
    return _point(case, _zero), "zeros"


def constant_values(case: Case, *, short: bool) -> tuple[Point, str]:
    """Return inputs whose elements are all equal, and words for them.

    Parameters
    ----------
    short : bool
        A value of few bits: sums and squares of it are exact.
    """
    return _point(case, partial(_constant, short=short)), "equal values"


def own_states(case: Case, point: Point) -> Point:
    """Return `point` with the states of a new layer: generic ones may be out of their domain."""
    if not point.states:
        return point
    live = case.subject.build(case.dtype, point.layouts)
    return replace(point, states=tuple(case.cast(s) for s in live.states()))


def cast_point(point: Point, case: Case) -> Point:
    """Return the arguments of one case in the dtype of another."""
    return replace(
        point,
        inputs=tuple(case.cast(x) for x in point.inputs),
        learnables=tuple(case.cast(w) for w in point.learnables),
        states=tuple(case.cast(s) for s in point.states),
    )


def _tiny_scale(case: Case) -> float:
    return float(np.finfo(case.dtype).tiny ** TINY_POWER) / 2


def _words(case: Case, usual: str, ranged: str) -> str:
    names = case.subject.input_names
    return ranged if any(case.options.range_of(name) for name in names) else usual


def _point(case: Case, values: Values) -> Point:
    """Replace the generated floating inputs; skips where there is none that may be replaced."""
    point = case.point()
    names = case.subject.input_names
    free = [
        x.dtype.kind in "fc" and case.options.data_of(name) is None
        for x, name in zip(point.inputs, names, strict=True)
    ]
    if not any(free):
        skip("no floating input is generated: all hold integers, or come from --data")
    replaced = [
        values(x, case.options.range_of(name)) if own else None
        for x, name, own in zip(point.inputs, names, free, strict=True)
    ]
    if all(x is None for x in replaced):
        skip("0 is outside --range")
    inputs = tuple(
        x if new is None else new.astype(x.dtype)
        for x, new in zip(point.inputs, replaced, strict=True)
    )
    return replace(point, inputs=inputs)


def _large(x: np.ndarray, limits: Range | None) -> np.ndarray | None:
    if limits is None:
        factor = LARGE / float(np.abs(x).max(initial=1.0))
        return np.asarray(x * factor)
    return np.where(x > sum(limits) / 2, limits[1], limits[0])


def _tiny(x: np.ndarray, limits: Range | None, scale: float) -> np.ndarray | None:
    if limits is None:
        return np.asarray(x * scale)
    low, high = limits
    if not low <= 0 <= high:
        return None
    size = np.abs(x) * (2 * scale / float(np.abs(x).max(initial=1.0)))
    signs = np.sign(x) if low < 0 < high else np.full(x.shape, 1.0 if high > 0 else -1.0)
    return np.asarray(np.clip(size * signs, low, high))


def _zero(x: np.ndarray, limits: Range | None) -> np.ndarray | None:
    if limits is not None and not limits[0] <= 0 <= limits[1]:
        return None
    return np.zeros(x.shape)


def _constant(x: np.ndarray, limits: Range | None, short: bool) -> np.ndarray | None:
    low, high = limits or (-2.0, 2.0)
    value = low + 2 / 3 * (high - low)
    if short and high > low:
        unit = 2.0 ** (np.floor(np.log2(high - low)) - 5)
        value = unit * np.round(value / unit)
    return np.full(x.shape, value)
