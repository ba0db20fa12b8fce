"""Values outside the slopes on the two sides of a kink."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause

_STEPS = (2.0**-26, 2.0**-30)
_CURVATURE = 1e-5
_MOST = 400


def one_sided(problem: Problem, rows: Sequence[Array], name: str) -> Cause | None:
    """Compare what backward says along directions with the one-sided slopes of every output.

    Parameters
    ----------
    problem : Problem
    rows : sequence of arrays
        The claimed Jacobian of every output.
    name : str
        The tensor's.
    """
    shape = problem.value.shape
    for v, what in _directions(problem):
        sides = [_slopes(problem, v, step) for step in _STEPS]
        for k, claimed in enumerate(rows):
            slope = np.tensordot(claimed, v, axes=len(shape))
            low = np.min([np.minimum(a[k], b[k]) for a, b in sides], axis=0)
            high = np.max([np.maximum(a[k], b[k]) for a, b in sides], axis=0)
            slack = _slack(problem, k, low, high)
            outside = np.maximum(low - slope, slope - high) - slack
            if not np.max(outside, initial=-1.0) > 0:
                continue
            at = np.unravel_index(int(np.argmax(outside)), slope.shape)
            kink = bool(abs(high[at] - low[at]) > 2 * slack[at])
            return _outside(name, what, float(slope[at]), float(low[at]), float(high[at]), kink)
    return None


def _directions(problem: Problem) -> Iterator[tuple[Array, str]]:
    """Every element alone, then all together: a tie that counts twice shows only there."""
    flat = problem.value.reshape(-1)
    for i in range(min(flat.size, _MOST)):
        v = np.zeros(flat.size)
        v[i] = problem.scale
        index = ", ".join(map(str, problem.index(i)))
        yield v.reshape(problem.value.shape), f"[{index}] = {flat[i]:g}"
    yield np.full(problem.value.shape, problem.scale), " as a whole"


def _slopes(problem: Problem, v: Array, step: float) -> tuple[list[Array], list[Array]]:
    ahead = problem.evaluate(problem.value + step * v)
    behind = problem.evaluate(problem.value - step * v)
    up = [(a - z) / step for a, z in zip(ahead, problem.outputs, strict=True)]
    down = [(z - b) / step for b, z in zip(behind, problem.outputs, strict=True)]
    return up, down


def _slack(problem: Problem, k: int, low: Array, high: Array) -> Array:
    size = np.abs(problem.outputs[k]) + np.sqrt(np.mean(problem.outputs[k] ** 2))
    noise = 64 * problem.precision.eps * size / _STEPS[-1]
    return np.asarray(noise + _CURVATURE * (np.abs(low) + np.abs(high)))


def _outside(
    name: str, what: str, slope: float, low: float, high: float, kink: bool
) -> Cause | None:
    if not kink:
        return Cause(
            "one-sided-at-kink",
            f"{name}{what} lies on a kink or on ties: the slope of an output along it is "
            f"{low:.6g}, and backward() gives {slope:.6g}: a tie or an end counts twice.",
            {"analytic": slope, "low": low, "high": high},
        )
    return Cause(
        "one-sided-at-kink",
        f"{name}{what} lies on a kink: the slopes on the two sides are {low:.6g} and {high:.6g}, "
        f"and backward() gives {slope:.6g}, which is neither of them nor between them.",
        {"analytic": slope, "low": low, "high": high},
    )
