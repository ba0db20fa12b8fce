"""One-sided slopes of outputs at a point and right beside it: what tells kinks from smoothness.

Where a function is smooth, the slopes ahead and behind agree, here and at every point nearby. At
a kink they differ on the two sides, or from one nearby point to the next: the middle one of three
equal numbers has equal slopes on both sides of every line, and is not smooth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan, directional_derivative
from layercheck.gradients.directions import gaussian
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Values
from layercheck.tolerances import rms

Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

_SHARES = (1.0, 0.875, 0.75, 0.625, 0.5)  # of a step, at which rounding differs and slopes do not
_NOISE = 64.0  # rounding of a one-sided quotient, in units of eps (|z| + rms z) / h
_JITTER = 16.0  # the same in units of what a last bit of the tensor does, per h
_BENT = 1e-5  # how far a smooth function may leave the slopes of its ends
_AWAY = 4.0  # distance of the points nearby, in steps
_PAIRS = 12  # of opposite points nearby; each finds the middle one of three ties in 2 of 3 cases
_CURVED = 1e-6  # how far curvature may move the mean of two opposite derivatives


@dataclass(frozen=True)
class Spots:
    """Some elements of each output: flat indices, one array an output."""

    where: tuple[Indices, ...]

    @property
    def count(self) -> int:
        """How many elements there are."""
        return sum(indices.size for indices in self.where)

    def of(self, arrays: Sequence[npt.NDArray[np.generic]]) -> Array:
        """The values of the elements in `arrays`, one after the other."""
        chosen = (a.reshape(-1)[w] for a, w in zip(arrays, self.where, strict=True))
        return np.concatenate(list(chosen)).astype(np.float64, copy=False)

    def repeated(self, numbers: Sequence[float]) -> Array:
        """One number an output, for each of its elements."""
        return np.repeat(np.asarray(numbers), [indices.size for indices in self.where])

    def flags(self, chosen: Bools, shapes: Sequence[tuple[int, ...]]) -> tuple[Bools, ...]:
        """Masks of the outputs that are true at the chosen elements."""
        ends = np.cumsum([indices.size for indices in self.where])[:-1]
        masks = []
        for part, indices, shape in zip(np.split(chosen, ends), self.where, shapes, strict=True):
            mask = np.zeros(shape, bool)
            mask.reshape(-1)[indices[part]] = True
            masks.append(mask)
        return tuple(masks)


@dataclass(frozen=True)
class Slopes:
    """Slopes ahead and behind, and how far rounding and curvature may move them."""

    rise: Array
    fall: Array
    slack: Array

    @property
    def low(self) -> Array:
        """The smaller of the two."""
        return np.minimum(self.rise, self.fall)

    @property
    def high(self) -> Array:
        """The larger of the two."""
        return np.maximum(self.rise, self.fall)


def slopes(problem: Problem, spots: Spots, v: Values, step: float) -> Slopes:
    """Take the slopes of the spots on both sides along `v`."""
    f, base = problem.along(v), spots.of(problem.outputs)
    rise = (spots.of(f(step)) - base) / step
    fall = (base - spots.of(f(-step))) / step
    size = np.abs(base) + spots.repeated(problem.sizes)
    slack = _NOISE * problem.precision.eps * size / step + _BENT * (np.abs(rise) + np.abs(fall))
    return Slopes(rise, fall, slack)


def repeated_slopes(problem: Problem, spots: Spots, v: Values, step: float) -> Slopes:
    """Take the slopes at several steps; where they differ, rounding inside the layer is the slack.

    What the layer rounds on the way may be far larger than its outputs: a sine of a large number.
    """
    taken = [slopes(problem, spots, v, share * step) for share in _SHARES]
    rises, falls = (np.stack([getattr(t, side) for t in taken]) for side in ("rise", "fall"))
    noise = np.ptp(rises, axis=0) + np.ptp(falls, axis=0)
    noise += _JITTER * spots.of(problem.jitter) / (_SHARES[-1] * step)
    slack = np.max([each.slack for each in taken], axis=0) + noise
    return Slopes(np.median(rises, axis=0), np.median(falls, axis=0), slack)


def stay_nearby(
    problem: Problem,
    spots: Spots,
    v: Values,
    step: float,
    chosen: Bools,
    rng: np.random.Generator,
) -> Bools:
    """Return which of the chosen spots have one slope along `v`, here and at all points nearby."""
    here = slopes(problem, spots, v, step)
    low, high, slack = here.low, here.high, here.slack
    staying = chosen & (high - low <= slack)
    for away in _offsets(problem, _AWAY * step, rng):
        if not staying.any():
            break
        there = slopes(_moved(problem, away), spots, v, step)
        low, high = np.minimum(low, there.low), np.maximum(high, there.high)
        staying &= high - low <= np.maximum(slack, there.slack)
    return staying


def _offsets(problem: Problem, size: float, rng: np.random.Generator) -> Iterator[Values]:
    """Small vectors and their opposites: one kink lies between each two."""
    for _ in range(_PAIRS):
        away = gaussian(problem, rng) * problem.value.dtype.type(size)
        yield away
        yield -away


def _moved(problem: Problem, away: Values) -> Problem:
    value = problem.value + away
    return replace(problem, value=value, outputs=problem.evaluate(value))


def find_ties(problem: Problem, plan: Plan, rng: np.random.Generator) -> tuple[Bools, ...]:
    """Find the outputs that are not smooth at the point although no line through it shows it.

    For a smooth function the derivatives at two opposite points nearby add up to twice the one
    here; the bounds are measured, so that noise is told from kinks.
    """
    found = tuple(np.zeros(output.shape, bool) for output in problem.outputs)
    offsets = _offsets(problem, plan.precision.nearby, rng)
    for ahead, behind in zip(offsets, offsets, strict=True):
        v = gaussian(problem, rng)
        here, there, back = (
            directional_derivative(
                each.along(v), each.outputs, precision=plan.precision, plan=plan
            )[0]
            for each in (problem, _moved(problem, ahead), _moved(problem, behind))
        )
        for tied, a, b, c in zip(found, here, there, back, strict=True):
            change = np.abs(b.value + c.value - 2 * a.value)
            tied |= ~(change <= 2 * a.bound + b.bound + c.bound + _CURVED * rms(a.value))
            tied |= a.flagged | b.flagged | c.flagged
    return found
