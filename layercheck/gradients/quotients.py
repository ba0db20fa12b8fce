"""Difference quotients of one output at one step, and when they are good enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layercheck.gradients.precision import Precision

Array = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]
Where = slice | Indices

_PART = 1 << 15  # elements handled at a time: the temporaries stay in the cache
_SAMPLE = 1 << 15  # elements from which medians are taken
_FEW = 64  # moved elements in a sample below which all moved elements are looked for
BACK = 0.625  # the backward step of a pair, as a fraction of the forward one
_ROUNDING = 16  # rounding of a quotient, in units of eps |z| / h; a triple has sd 4.1


@dataclass(frozen=True)
class Derivative:
    """The derivative of one output along one direction.

    Complex outputs appear as pairs of real numbers on a last axis of length 2.

    Parameters
    ----------
    value : array, float64
        d output / dt at t = 0.
    bound : array, same shape
        |value - truth| is at most this where `flagged` is False.
    flagged : array of bool, same shape
        No step gave an acceptable bound: the output has a kink here, or is not finite nearby.
    evaluations : int
        Evaluations of the function that all derivatives of the call took together.
    step : float
        The step at which most of the elements were settled.
    """

    value: Array
    bound: Array
    flagged: npt.NDArray[np.bool_]
    evaluations: int
    step: float = 1.0


@dataclass
class Measured:
    """Derivatives of the open elements of one output at one step, with their spread."""

    value: Array
    spread: Array


class Output:
    """One output: its values at t = 0, and what is known of its derivative so far."""

    def __init__(self, output: npt.NDArray[np.generic], precision: Precision) -> None:
        real = to_real(output)
        self.shape = real.shape
        self.base = np.ascontiguousarray(real).reshape(-1)
        self.eps = precision.eps
        self.level = _median_size(self.base[_sample(self.base.size)])
        self.scale = 0.0
        self.value: Array = np.zeros(0)
        self.bound: Array = np.zeros(0)
        self.open: Where = slice(0, self.base.size)
        self.shrinking = np.zeros(0, bool)
        self.step, self._settled = 1.0, 0

    @property
    def count(self) -> int:
        """How many elements are open."""
        return int(self.open.stop if isinstance(self.open, slice) else self.open.size)

    def rounding(self, where: Where, value: Array, step: float) -> Array:
        """Bound what rounding does to the quotients at `where`."""
        size: Array = np.abs(value) * step
        size += np.abs(self.base[where])
        size += self.level
        size *= _ROUNDING * self.eps / step
        return size

    def settle(self, found: Measured, step: float, acceptable: float | None) -> None:
        """Take over what was found for the open elements and close the accepted ones.

        Without `acceptable` an element must be straight up to rounding.
        """
        reach, floor = self._judge(found, step, acceptable)
        first, count = isinstance(self.open, slice), self.count
        if first:
            self.value, self.bound = found.value, found.spread
        rest, shrinking = [], []
        for local, where in _parts(self.open):
            value, spread = found.value[local], found.spread[local]
            rounding = self.rounding(where, value, step)
            unknown = ~np.isfinite(spread)
            if unknown.any():
                value[unknown], spread[unknown] = 0.0, np.inf
            bound = spread + rounding
            np.maximum(bound, floor, out=bound)
            still = (value == 0) & (spread == 0)
            if still.any():
                tiny = np.abs(self.base[where]) * (self.eps / step)
                np.copyto(bound, tiny, where=still)
            rounding *= 4
            straight = spread <= np.maximum(rounding, reach, out=rounding)
            rejected = np.flatnonzero(unknown | ~straight)
            if rejected.size:
                before = np.zeros(rejected.size) if first else self.bound[where][rejected]
                shrinking.append(bound[rejected] < before / 2)
                rest.append(_chosen(where, rejected))
            self.value[where], self.bound[where] = value, bound
        self.open = np.concatenate(rest) if rest else np.zeros(0, np.intp)
        self.shrinking = np.concatenate(shrinking) if shrinking else np.zeros(0, bool)
        if count - self.count > self._settled:
            self.step, self._settled = step, count - self.count

    def _judge(self, found: Measured, step: float, acceptable: float | None) -> tuple[float, float]:
        """Return the largest spread that is accepted, and the floor of the bounds.

        One indicator in many vanishes by accident, so no bound is below twice the median.
        """
        _, value, spread, rounding = self.sampled(found, step)
        moved = (value != 0) | (spread != 0)
        if isinstance(self.open, slice):
            known = value[moved & np.isfinite(value)]
            self.scale = math.sqrt(float(np.mean(known * known))) if known.size else 0.0
        reach = 0.0 if acceptable is None else acceptable * self.scale
        if acceptable is None and moved.any():
            middle = float(np.median(spread[moved]))
            reach = 8 * middle if middle <= 4 * float(np.median(rounding[moved])) else 0.0
        accepted = moved & (spread <= np.maximum(4 * rounding, reach))
        bounds = (spread + rounding)[accepted]
        return reach, 2 * float(np.median(bounds)) if bounds.size else 0.0

    def suits(self, found: Measured, step: float, acceptable: float) -> bool:
        """Whether most of the elements that move are smooth within the step.

        What a step accepts that is too long for most, as one over many periods, is an accident.
        """
        _, value, spread, rounding = self.sampled(found, step)
        moved = (value != 0) | (spread != 0)
        if not moved.any():
            return True
        value, spread, rounding = value[moved], spread[moved], rounding[moved]
        finite = value[np.isfinite(value)]
        reach = acceptable * math.sqrt(float(np.mean(finite * finite))) if finite.size else 0.0
        return bool(np.mean(spread <= np.maximum(4 * rounding, reach)) >= 0.5)

    def sampled(self, found: Measured, step: float) -> tuple[Indices, Array, Array, Array]:
        """Where, value, spread and rounding of some open elements, moved ones if there are any."""
        sample = _sample(self.count)
        if sample.size < self.count:
            moved = np.count_nonzero((found.value[sample] != 0) | (found.spread[sample] != 0))
            if moved < _FEW:
                few = np.flatnonzero((found.value != 0) | (found.spread != 0))[:_SAMPLE]
                sample = few if few.size else sample
        where = sample if isinstance(self.open, slice) else self.open[sample]
        value = found.value[sample]
        return where, value, found.spread[sample], self.rounding(where, value, step)

    def allow_curvature(self, found: Measured, step: float) -> None:
        """Widen the spread of a pair: curvature may hide a kink just inside the backward step."""
        found.spread += 2 * step * np.maximum(np.abs(found.value), self.scale)

    def set_aside(self, chosen: npt.NDArray[np.bool_]) -> Indices:
        """Take the chosen ones out of the open elements and return them."""
        if isinstance(self.open, slice):
            return np.zeros(0, np.intp)
        taken, self.open = self.open[chosen], self.open[~chosen]
        return taken

    def reopen(self, indices: Indices) -> None:
        """Put elements back that were set aside."""
        if isinstance(self.open, np.ndarray):
            self.open = np.concatenate([self.open, indices])

    @property
    def moving(self) -> int:
        """How many elements have a derivative that is not zero."""
        return int(np.count_nonzero(self.value))

    def result(self, evaluations: int, noisy: bool) -> Derivative:
        """What is known now; elements that are still open are flagged, all that move if noisy."""
        flagged = self.value != 0 if noisy else np.zeros(self.base.size, bool)
        if self.base.size:
            flagged[self.open] = True
        return Derivative(
            self.value.reshape(self.shape),
            self.bound.reshape(self.shape),
            flagged.reshape(self.shape),
            evaluations,
            self.step,
        )


def to_real(array: npt.NDArray[np.generic]) -> npt.NDArray[np.floating]:
    """View a complex array as pairs of reals on a new last axis; return a real one as it is."""
    if not np.iscomplexobj(array):
        return array  # type: ignore[return-value]
    parts = np.ascontiguousarray(array)
    return parts.view(parts.real.dtype).reshape(*array.shape, 2)


def slope_to(output: Output, moved: Values, t: float) -> Array:
    """Slopes of the open elements from 0 to `t`, where the output is `moved`."""
    slope = np.empty(output.count)
    for local, where in _parts(output.open):
        np.subtract(moved[where], output.base[where], out=slope[local])
        slope[local] /= t
    return slope


def compare_sides(rise: Array, fall: Array) -> Measured:
    """Weigh the slopes ahead and behind, and see how far they differ; uses both up."""
    for local, _ in _parts(slice(0, rise.size)):
        spread = np.abs(rise[local] - fall[local])
        rise[local] *= BACK
        rise[local] += fall[local]
        rise[local] /= 1 + BACK
        fall[local] = spread
    return Measured(rise, fall)


# Weights of a triple's levels t = h, h/2, h/4: of the slopes in the twice extrapolated value, of
# the slopes in the difference of the once extrapolated ones, of the even parts in the indicator
# that t^2 and t^4 leave at zero and a kink at t = 0 does not.
LEVELS = (
    (1.0, 1 / 45, 1 / 3, 1.0),
    (0.5, -20 / 45, -5 / 3, -20.0),
    (0.25, 64 / 45, 4 / 3, 64.0),
)


class Sums:
    """What the levels of a triple add up to: value, odd and even indicator."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.value, self.odd, self.even = (np.zeros(output.count) for _ in range(3))

    def add(self, moved: Values, t: float, weights: Sequence[float]) -> None:
        """Add what f(t) contributes."""
        of_value, of_odd, of_even = weights[0] / (2 * t), weights[1] / (2 * t), weights[2]
        for local, where in _parts(self.output.open):
            change = np.subtract(moved[where], self.output.base[where], dtype=np.float64)
            self.value[local] += of_value * change
            self.odd[local] += of_odd * change
            change *= of_even
            self.even[local] += change

    def extrapolated(self, step: float) -> Measured:
        """Turn the sums into values and spreads; uses them up."""
        for local, _ in _parts(slice(0, self.value.size)):
            even, odd = self.even[local], self.odd[local]
            np.maximum(np.abs(even) / (7 * step), 1.5 * np.abs(odd), out=odd)
        self.even = np.zeros(0)
        return Measured(self.value, self.odd)


def _parts(where: Where) -> Iterator[tuple[slice, Where]]:
    """Cut `where` into parts: the place among the open elements, the place in the output."""
    count = where.stop if isinstance(where, slice) else where.size
    for start in range(0, count, _PART):
        local = slice(start, min(start + _PART, count))
        yield local, local if isinstance(where, slice) else where[local]


def _chosen(where: Where, numbers: Indices) -> Indices:
    """The indices of some of the elements of a part, by their numbers in it."""
    return where.start + numbers if isinstance(where, slice) else where[numbers]


def _sample(count: int) -> Indices:
    """All indices of a short array, random ones of a long one."""
    if count <= _SAMPLE:
        return np.arange(count)
    return np.random.default_rng(count).integers(0, count, _SAMPLE)


def _median_size(values: Values) -> float:
    size = np.abs(values)
    size = size[np.isfinite(size) & (size > 0)]
    return float(np.median(size)) if size.size else 0.0
