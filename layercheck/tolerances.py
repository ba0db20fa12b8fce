"""Every tolerance of the checks, with its derivation, and the comparison that uses it.

Values that should be equal in exact arithmetic may differ because sums are taken in another
order (another batch size, memory order or thread count). Two bounds are added:

ROUNDING  a sum of n terms taken in any order errs by at most about eps sqrt(n) rms for terms of
          random sign; 64 eps rms covers n up to 4,096 in a row and blocked sums (BLAS, pairwise)
          of any length.
SPREAD    an ill-conditioned layer turns a last-bit change anywhere into a larger one. How large
          is measured: the change of the result under a last-bit jitter of all inputs and
          learnables, for gradients also of the upstream gradient. A reordered sum errs at every
          intermediate step instead of once at the input, hence a factor 20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.outcome import Worst
from layercheck.where import worst_index

ROUNDING = 64.0
SPREAD = 20.0


def eps_of(dtype: Any) -> float:
    """Machine epsilon of a real or complex floating dtype (1.0 for others)."""
    dtype = np.dtype(dtype)
    return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 1.0


def rms(array: np.ndarray) -> float:
    """Root mean square of the finite entries, without overflow; 0 for an empty array."""
    magnitude = np.abs(array).astype(np.float64, copy=False)
    magnitude = magnitude[np.isfinite(magnitude)]
    top = float(magnitude.max(initial=0.0))
    if top == 0.0:
        return 0.0
    return top * float(np.sqrt(np.mean(np.square(magnitude / top))))


def tolerance(expected: np.ndarray, spread: float, eps: float) -> float:
    """Return SPREAD * `spread` + ROUNDING * `eps` * rms(expected)."""
    return SPREAD * spread + ROUNDING * eps * rms(expected)


@dataclass(frozen=True)
class Difference:
    """Two arrays that differ: at the worst element, and at how many."""

    worst: Worst
    wrong: int


def difference(
    actual: np.ndarray, expected: np.ndarray, limit: float | np.ndarray
) -> Difference | None:
    """Compare two arrays of one shape; return None where no element differs by more than `limit`.

    Equal infinities and a NaN in both are equal.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if np.array_equal(actual, expected):
        return None
    with np.errstate(all="ignore"):
        error = np.abs(np.subtract(actual, expected, dtype=_wide(actual, expected)))
        wrong = ~(error <= limit)
        if wrong.any():  # infinities and NaN that are equal differ by NaN
            wrong &= (actual != expected) & ~(np.isnan(actual) & np.isnan(expected))
    if not wrong.any():
        return None
    ratio = np.where(wrong, error / np.maximum(limit, np.finfo(float).tiny), 0.0)
    index = worst_index(ratio)
    at = float(np.broadcast_to(limit, error.shape)[index])
    return Difference(
        Worst(index, actual[index].item(), expected[index].item(), float(error[index]), at),
        int(wrong.sum()),
    )


def _wide(*arrays: np.ndarray) -> np.dtype[Any]:
    return np.result_type(np.float64, *arrays)


def spread(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> tuple[float, ...]:
    """Return the largest finite change of each array between two evaluations."""
    changes = []
    for a, b in zip(first, second, strict=True):
        with np.errstate(all="ignore"):
            change = np.abs(np.subtract(a, b, dtype=_wide(np.asarray(a), np.asarray(b))))
        changes.append(float(change[np.isfinite(change)].max(initial=0.0)))
    return tuple(changes)
