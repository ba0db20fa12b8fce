"""Values at which kinks, ties and extremes are: a coarse grid, and a mixture under stress.

All are short in binary, so that a step away from them is exact, and inside the range that the
user gave.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]
Range = tuple[float, float]

USUAL = (-2.0, 2.0)
_TINY = 2.0**-10
_LARGE = 4.0
_TIED = 1 / 16  # of the elements, along each axis
_ZERO = 1 / 16
_TINIER = 1 / 4
_LARGER = 1 / 4


def on_grid(x: AnyArray, limits: Range | None) -> AnyArray:
    """Round to multiples of 1/2, or of about 1/8 of the range: zeros, ties and clip edges."""
    low, high = limits or USUAL
    unit = _spacing(high - low)
    first, last = math.ceil(low / unit), math.floor(high / unit)
    if limits is not None:  # the ends of a range have no neighbours on both sides
        first, last = first + (first * unit <= low), last - (last * unit >= high)
    if first > last:
        return x
    return np.asarray(np.clip(np.round(x / unit), first, last) * unit + 0.0)


def coarse(w: AnyArray) -> AnyArray:
    """Round a learnable to few values of its own magnitude; what is not zero keeps its sign."""
    size = float(np.sqrt(np.mean(np.square(w)))) if w.size else 0.0
    if not (0.0 < size < math.inf):
        return w
    unit = min(0.5, _unit(4 * size))
    rounded = np.round(w / unit) * unit
    return np.where((rounded == 0) & (w != 0), np.copysign(unit, w), rounded + 0.0)


def stressed(x: AnyArray, limits: Range | None, rng: np.random.Generator) -> AnyArray:
    """Mix tiny values and large whole numbers, zeros, and ties along every axis."""
    low, high = limits or (-math.inf, math.inf)
    values = x.copy()
    kind = rng.random(x.shape)
    if low <= 0 <= high:
        values[kind < _TINIER] *= _TINY
    large = kind > 1 - _LARGER
    values[large] = _far(x[large], limits)
    for axis in range(x.ndim):
        tied = rng.random(x.shape) < _TIED
        values = np.where(tied, np.roll(values, 1, axis), values)
    if low < 0 < high:
        values[rng.random(x.shape) < _ZERO] = 0.0
    return values


def _far(x: AnyArray, limits: Range | None) -> AnyArray:
    """Whole numbers beyond the usual values, where clip edges lie, or the ends of the range."""
    if limits is None:
        return np.round(x * _LARGE) + 0.0
    low, high = limits
    middle, unit = (low + high) / 2, _spacing(high - low) / 16
    depth = (np.round(np.abs(x - middle) / 8 / unit) + 1) * unit
    return np.where(x > middle, high - depth, low + depth)


def _spacing(width: float) -> float:
    """The grid of a range: at most 1 where the range is no wider than 64."""
    return min(_unit(width), 1.0) if width <= 64 else _unit(width)


def _unit(width: float) -> float:
    """A power of two near an eighth of a width; 1/2 for the usual one."""
    return float(2.0 ** round(math.log2(width / 8)))
