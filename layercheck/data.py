"""The values that layers are run on: seeded, distinct, exact in float32, away from kinks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

# Activation functions have their kinks, and grids their ties, at multiples of 1/2.
CLEARANCE = 2.0**-7
# Odd multiples of 2^-20 below 16 have at most 24 significant bits: exact in float32 (24 bits).
FINEST = 20
COARSEST = 9


def distinct_values(
    shape: Sequence[int], low: float, high: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a seeded permutation of distinct values of [low, high], as float64.

    All are multiples of one power of two and exact in float32; none is nearer than 2^-7 to a
    multiple of 1/2 (in units of the range's half-width over 2). Where more values are asked for
    than the range holds exactly, they repeat.
    """
    count = int(np.prod(shape, dtype=np.int64))
    unit = _unit(low, high)
    levels = _levels(low / unit, high / unit, count)
    if len(levels) == 0:
        values = np.full(count, (low + high) / 2)
    elif len(levels) >= count:
        values = unit * rng.permutation(levels)[:count]
    else:
        values = unit * rng.permutation(np.resize(levels, count))
    return values.reshape(tuple(shape))


@lru_cache(maxsize=2)
def remembered_values(
    shape: tuple[int, ...], low: float, high: float, seeds: tuple[int, ...]
) -> np.ndarray:
    """Return `distinct_values` of the generator that `seeds` gives, read-only.

    The last ones are kept: all dtypes of a run see the same values, and making them costs more
    than a forward of a cheap layer.
    """
    values = distinct_values(shape, low, high, np.random.default_rng(seeds))
    values.flags.writeable = False
    return values


def _unit(low: float, high: float) -> float:
    """The power of two that brings the ends of the range near +-2."""
    top = max(abs(low), abs(high))
    return 1.0 if 1.0 <= top <= 16.0 or top == 0.0 else float(2.0 ** (np.floor(np.log2(top)) - 1))


def _levels(low: float, high: float, count: int) -> np.ndarray:
    """Odd multiples of 2^-k in [low, high] away from kinks, k as small as gives `count`."""
    levels = np.empty(0)
    for k in range(COARSEST, FINEST + 1):
        width = (high - low) * 2.0 ** (k - 1)
        if width < count and k < FINEST:
            continue
        first = np.ceil((low * 2.0**k - 1) / 2)
        last = np.floor((high * 2.0**k - 1) / 2)
        levels = (2 * np.arange(first, last + 1) + 1) * 2.0**-k
        levels = levels[np.abs(levels * 2 - np.round(levels * 2)) > 2 * CLEARANCE]
        if len(levels) >= count:
            return levels
    return levels


def integer_values(
    shape: Sequence[int], low: int, high: int, rng: np.random.Generator
) -> np.ndarray:
    """Return integers of the half-open range [low, high); some repeat where there are two."""
    values = rng.integers(low, high, size=tuple(shape))
    if values.size > 1:
        values.reshape(-1)[-1] = values.reshape(-1)[0]
    return values


def generic_values(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a learnable's or state's initial value, made generic.

    Where all entries are equal (a bias of zeros, a scale of ones) a wrong gradient elsewhere may
    be multiplied by zero and not be seen, so such values are spread: zeros over +-1/2, others by
    half their size, which keeps their sign. Values that differ already are kept. Integers and
    booleans are kept.
    """
    value = np.asarray(value)
    if value.dtype.kind not in "fc" or value.size == 0:
        return value.copy()
    wide = value.astype(np.result_type(value.dtype, np.float64))
    if not np.isfinite(wide).all() or np.any(wide != wide.reshape(-1)[0]):
        return _exact(wide)
    noise: Any = distinct_values(value.shape, -1.0, 1.0, rng) / 2
    if value.dtype.kind == "c":
        noise = noise + 1j * distinct_values(value.shape, -1.0, 1.0, rng) / 2
    center = wide.reshape(-1)[0]
    return _exact(noise if center == 0 else center * (1 + noise))


def _exact(value: np.ndarray) -> np.ndarray:
    """Round to float32 precision, so that every dtype of a run sees the same numbers."""
    narrow = np.complex64 if value.dtype.kind == "c" else np.float32
    with np.errstate(over="ignore"):
        rounded = value.astype(narrow).astype(value.dtype)
    return np.where(np.isfinite(rounded), rounded, value)
