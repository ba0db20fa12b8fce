"""Outputs that lie on a kink: their rows of the Jacobian against the slopes on both sides.

At a kink any value between the one-sided slopes is a convention of the layer, and any other is
wrong. Where the slopes agree at steps far below those of the differences, the kink lies beside
the point and the row must match as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layercheck.gradients.directions import gaussian
from layercheck.gradients.precision import FLOAT64
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Values
from layercheck.gradients.structure import Blocks

Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
_Sides = tuple[Array, Array, Array]

STEPS = (2.0**-34, 2.0**-40)
BACKWARDS = 6  # groups of flagged outputs whose rows are asked for; the rest is only counted
_NOISE = 64.0  # rounding of a one-sided quotient, in units of eps (|z| + rms z) / h
_BENT = 1e-5  # how far a smooth function may leave the slopes of its ends


@dataclass(frozen=True)
class Adjudication:
    """What the rows of the flagged outputs are worth.

    Parameters
    ----------
    accepted : int
        Flagged outputs whose row lies between the one-sided slopes.
    left : int
        Flagged outputs that were not judged.
    excess : tuple of float, or None
        Row, nearest slope and tolerance, along one direction, of the worst wrong output.
    block : int
        The block that it belongs to.
    """

    accepted: int
    left: int
    excess: tuple[float, float, float] | None = None
    block: int = 0


def adjudicate(
    problem: Problem, blocks: Blocks, flagged: Sequence[Bools], rng: np.random.Generator
) -> Adjudication:
    """Judge the rows of flagged outputs; outputs of distinct blocks share one backward."""
    total = sum(int(np.count_nonzero(flags)) for flags in flagged)
    if total == 0 or problem.precision is not FLOAT64:
        return Adjudication(0, total)
    outputs = [_Flagged(problem, blocks, k, flags) for k, flags in enumerate(flagged)]
    groups = _ranks(np.concatenate([output.blocks for output in outputs]))
    judged = groups < BACKWARDS
    directions = list(_directions(problem, rng))
    rows = _rows(problem, blocks, outputs, groups, directions)
    single = blocks.size(problem.value.shape) == 1
    excess, certain, steady = np.zeros(total), np.ones(total, bool), np.ones(total, bool)
    worst: dict[int, tuple[float, float, float]] = {}
    for row, v in zip(rows, directions, strict=True):
        sides = [_slopes(problem, outputs, v, step) for step in STEPS]
        steady &= _steady(*sides)
        for low, high, slack in sides:
            beyond = np.maximum(low - slack - row, row - high - slack)
            certain &= (high - low <= slack) | single | (beyond <= 0)
            new = judged & (beyond > np.maximum(excess, 0))
            excess = np.where(new, beyond, excess)
            for i in np.flatnonzero(new)[np.argsort(-beyond[new])[:1]]:
                nearest = low[i] if row[i] < low[i] else high[i]
                worst[int(i)] = (float(row[i]), float(nearest), float(slack[i]))
    judged &= steady
    wrong = judged & certain & (excess > 0)
    accepted = judged & (excess <= 0)
    left = total - int(np.count_nonzero(accepted)) - int(np.count_nonzero(wrong))
    found = [i for i in worst if wrong[i]]
    if not found:
        return Adjudication(int(np.count_nonzero(accepted)), left)
    first = max(found, key=lambda i: excess[i])
    block = int(np.concatenate([output.blocks for output in outputs])[first])
    return Adjudication(int(np.count_nonzero(accepted)), left, worst[first], block)


class _Flagged:
    """The flagged elements of one output and the blocks that they belong to."""

    def __init__(self, problem: Problem, blocks: Blocks, k: int, flags: Bools) -> None:
        self.shape = flags.shape
        self.where: Indices = np.flatnonzero(flags)
        axes = blocks.outputs[k] or ()
        index = np.unravel_index(self.where, flags.shape) if self.where.size else ()
        number = np.zeros(self.where.size, np.intp)
        if self.where.size:
            for axis in axes:
                number = number * flags.shape[axis] + index[axis]
        self.blocks = number
        base = problem.outputs[k].reshape(-1)
        self.base: Array = base[self.where].astype(np.float64)
        self.size = problem.sizes[k]


def _steady(far: _Sides, near: _Sides) -> Bools:
    """Whether the slopes stay finite as the step shrinks: those of jumps and noise do not."""
    before = np.maximum(np.abs(far[0]), np.abs(far[1]))
    after = np.maximum(np.abs(near[0]), np.abs(near[1]))
    return np.asarray(after <= 4 * before + far[2] + near[2])


def _ranks(numbers: Indices) -> Indices:
    """How many earlier entries are equal to each entry."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ranks = np.empty_like(numbers)
    ranks[order] = np.arange(numbers.size) - np.repeat(
        starts, np.diff(np.append(starts, numbers.size))
    )
    return ranks


def _directions(problem: Problem, rng: np.random.Generator) -> Iterator[Values]:
    """Two normal directions, one of positive entries and a constant one: ties need the last two."""
    yield gaussian(problem, rng)
    yield gaussian(problem, rng)
    yield np.abs(gaussian(problem, rng))
    yield problem.within(np.full(problem.value.shape, problem.scale))


def _rows(
    problem: Problem,
    blocks: Blocks,
    outputs: list[_Flagged],
    groups: Indices,
    directions: list[Values],
) -> Array:
    """Row times direction for each flagged output; rows that were not asked for stay zero."""
    sizes = [output.where.size for output in outputs]
    rows = np.zeros((len(directions), sum(sizes)))
    numbers = np.concatenate([output.blocks for output in outputs])
    for group in range(min(BACKWARDS, int(groups.max()) + 1)):
        chosen = groups == group
        parts = np.split(chosen, np.cumsum(sizes)[:-1])
        upstream = []
        for output, part in zip(outputs, parts, strict=True):
            dz = np.zeros(output.shape)
            dz.reshape(-1)[output.where[part]] = 1.0
            upstream.append(dz)
        gradient = problem.backward(upstream)
        for number, v in enumerate(directions):
            products = np.asarray(blocks.sum_tensor(gradient * v)).reshape(-1)
            rows[number, chosen] = products[numbers[chosen]]
    return rows


def _slopes(problem: Problem, outputs: list[_Flagged], v: Values, step: float) -> _Sides:
    """The smaller and larger of the one-sided slopes of the flagged outputs, and the slack."""
    f = problem.along(v)
    ahead, behind = f(step), f(-step)
    lows, highs, slacks = [], [], []
    for k, output in enumerate(outputs):
        rise = (ahead[k].reshape(-1)[output.where] - output.base) / step
        fall = (output.base - behind[k].reshape(-1)[output.where]) / step
        noise = _NOISE * problem.precision.eps * (np.abs(output.base) + output.size) / step
        slacks.append(noise + _BENT * (np.abs(rise) + np.abs(fall)))
        lows.append(np.minimum(rise, fall))
        highs.append(np.maximum(rise, fall))
    return np.concatenate(lows), np.concatenate(highs), np.concatenate(slacks)
