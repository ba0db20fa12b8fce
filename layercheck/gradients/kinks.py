"""Outputs that lie on a kink: their rows of the Jacobian against the slopes on both sides.

At a kink any value between the one-sided slopes is a convention of the layer, and any other is
wrong. Where the slopes agree at steps far below those of the differences, the kink lies beside
the point and the row must match as everywhere else.

Directions of positive entries are needed beside random ones: a tie counted twice gives rows that
are right entry by entry, and too large along a direction that keeps the tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from layercheck.gradients.directions import exact, gaussian
from layercheck.gradients.precision import FLOAT64
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Values
from layercheck.gradients.slopes import (
    Bools,
    Indices,
    Slopes,
    Spots,
    repeated_slopes,
    slopes,
    stay_nearby,
)
from layercheck.gradients.structure import Blocks, is_confined, one_block

STEPS = (2.0**-34, 2.0**-40)
BACKWARDS = 6  # groups of flagged outputs whose rows are asked for; the rest is only counted


@dataclass(frozen=True)
class Excess:
    """A row that is outside the one-sided slopes.

    Parameters
    ----------
    output, position : int
        Number of the output, and the flat index of its element.
    block : int
        The block of the tensor that it belongs to.
    row, slope, slack : float
        Along one direction: what backward says, the nearest slope, the tolerance.
    """

    output: int
    position: int
    block: int
    row: float
    slope: float
    slack: float


@dataclass(frozen=True)
class Adjudication:
    """What the rows of the flagged outputs are worth.

    Parameters
    ----------
    accepted : int
        Flagged outputs whose row lies between the one-sided slopes.
    left : int
        Flagged outputs that were not judged.
    excess : Excess or None
        The worst wrong output.
    sides : tuple of int
        Of the accepted: those with the slope of the lower side, of the upper side, and with one
        in between, where the tensor's elements grow. Outputs whose two slopes agree are none.
    """

    accepted: int
    left: int
    excess: Excess | None = None
    sides: tuple[int, int, int] = (0, 0, 0)


def adjudicate(
    problem: Problem,
    blocks: Blocks,
    flagged: Sequence[Bools],
    rng: np.random.Generator,
    backwards: int = BACKWARDS,
) -> Adjudication:
    """Judge the rows of flagged outputs; outputs of distinct blocks share one backward."""
    total = sum(int(np.count_nonzero(flags)) for flags in flagged)
    if total == 0 or problem.precision is not FLOAT64:
        return Adjudication(0, total)
    found = _compare(problem, blocks, flagged, rng, backwards)
    excess = found.excess
    if excess is not None and blocks.tensor:
        excess = _confirmed(problem, blocks, excess, rng)
    wrong = found.wrong if excess is not None else np.zeros_like(found.wrong)
    accepted = found.judged & ~found.beyond
    left = total - int(np.count_nonzero(accepted | wrong))
    return Adjudication(int(np.count_nonzero(accepted)), left, excess, found.sides(accepted))


def _confirmed(
    problem: Problem, blocks: Blocks, excess: Excess, rng: np.random.Generator
) -> Excess | None:
    """Keep an excess whose output depends on its block alone; else judge the whole row."""
    if is_confined(problem, blocks, excess.block, excess.output, excess.position, rng):
        return excess
    flags = [np.zeros(output.shape, bool) for output in problem.outputs]
    flags[excess.output].reshape(-1)[excess.position] = True
    return _compare(problem, one_block(problem), flags, rng, backwards=1).excess


@dataclass
class _Comparison:
    """Rows against slopes, one entry for each flagged output.

    `beyond`: outside the slopes along some direction. `wrong`: so where it can be no convention,
    because the output depends on one element alone, or has the same slope here and everywhere
    nearby. A sum of kinks may leave the slopes at one point without being wrong.
    """

    spots: Spots
    blocks: Indices
    judged: Bools
    single: bool
    beyond: Bools
    wrong: Bools
    share: Array
    worst: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)

    @property
    def excess(self) -> Excess | None:
        """The wrong output that is furthest outside."""
        found = [i for i in self.worst if self.wrong[i]]
        if not found:
            return None
        first = max(found, key=lambda i: self.worst[i][0])
        sizes = np.cumsum([0, *(indices.size for indices in self.spots.where)])
        k = int(np.searchsorted(sizes, first, side="right")) - 1
        position = int(self.spots.where[k][first - sizes[k]])
        return Excess(k, position, int(self.blocks[first]), *self.worst[first][1:])

    def sides(self, accepted: Bools) -> tuple[int, int, int]:
        """How many accepted rows take the lower slope, the upper one, one in between."""
        share = self.share[accepted & np.isfinite(self.share)]
        low, high = np.count_nonzero(share < 0.01), np.count_nonzero(share > 0.99)
        return int(low), int(high), int(share.size - low - high)


def _compare(
    problem: Problem,
    blocks: Blocks,
    flagged: Sequence[Bools],
    rng: np.random.Generator,
    backwards: int,
) -> _Comparison:
    spots = Spots(tuple(np.flatnonzero(flags) for flags in flagged))
    numbers = _blocks_of(blocks, flagged, spots)
    groups = _ranks(numbers)
    found = _Comparison(
        spots=spots,
        blocks=numbers,
        judged=groups < backwards,
        single=blocks.size(problem.value.shape) == 1,
        beyond=np.zeros(groups.size, bool),
        wrong=np.zeros(groups.size, bool),
        share=np.zeros(groups.size),
    )
    directions = list(_directions(problem, rng))
    rows = _rows(problem, blocks, found, groups, directions, backwards)
    for row, v in zip(rows, directions, strict=True):
        _along(problem, found, row, v, rng)
    found.beyond &= found.judged
    found.wrong &= found.judged
    return found


def _along(
    problem: Problem, found: _Comparison, row: Array, v: Values, rng: np.random.Generator
) -> None:
    """Compare the rows with the slopes along one direction; the last one decides on the sides."""
    sides = [slopes(problem, found.spots, v, step) for step in STEPS]
    found.judged &= _are_steady(*sides)
    for at, step in zip(sides, STEPS, strict=True):
        excess = _excess(row, at.low, at.high, at.slack)
        beyond = found.judged & (excess > 0)
        found.beyond |= beyond
        certain = beyond & ~found.wrong
        if certain.any():
            again = repeated_slopes(problem, found.spots, v, step)
            certain &= _excess(row, again.low, again.high, again.slack) > 0
        if not found.single and certain.any():
            certain = stay_nearby(problem, found.spots, v, step, certain, rng)
        found.wrong |= certain
        for i in np.flatnonzero(certain)[np.argsort(-excess[certain])[:1]]:
            nearest = at.low[i] if row[i] < at.low[i] else at.high[i]
            found.worst[int(i)] = (excess[i], row[i], nearest, at.slack[i])
    found.share = _share(row, at)


def _excess(row: Array, low: Array, high: Array, slack: Array) -> Array:
    """How far the rows are outside the slopes."""
    return np.asarray(np.maximum(low - row, row - high) - slack)


def _share(row: Array, at: Slopes) -> Array:
    """Where the rows are between the slopes behind (0) and ahead (1); NaN where those agree."""
    share = np.full(row.shape, np.nan)
    gap = at.rise - at.fall
    np.divide(row - at.fall, gap, where=np.abs(gap) > at.slack, out=share)
    return share


def _blocks_of(blocks: Blocks, flagged: Sequence[Bools], spots: Spots) -> Indices:
    """The number of the tensor's block that each spot belongs to."""
    numbers = []
    for k, (flags, where) in enumerate(zip(flagged, spots.where, strict=True)):
        number = np.zeros(where.size, np.intp)
        if where.size and flags.ndim:
            index = np.unravel_index(where, flags.shape)
            for axis in blocks.outputs[k] or ():
                number = number * flags.shape[axis] + index[axis]
        numbers.append(number)
    return np.concatenate(numbers)


def _are_steady(far: Slopes, near: Slopes) -> Bools:
    """Whether the slopes stay finite as the step shrinks: those of jumps and noise do not."""
    before = np.maximum(np.abs(far.rise), np.abs(far.fall))
    after = np.maximum(np.abs(near.rise), np.abs(near.fall))
    return np.asarray(after <= 4 * before + far.slack + near.slack)


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
    """Two normal directions, a constant one, which keeps ties, and one of positive entries."""
    constant = problem.within(np.full(problem.value.shape, problem.scale))
    normal = (gaussian(problem, rng) for _ in range(3))
    for v in (next(normal), next(normal), constant, np.abs(next(normal))):
        yield exact(problem, v, STEPS[-1] / 8)


def _rows(
    problem: Problem,
    blocks: Blocks,
    found: _Comparison,
    groups: Indices,
    directions: list[Values],
    backwards: int,
) -> Array:
    """Row times direction for each spot; rows that were not asked for stay zero."""
    rows = np.zeros((len(directions), groups.size))
    shapes = [output.shape for output in problem.outputs]
    for group in range(min(backwards, int(groups.max()) + 1)):
        chosen = groups == group
        upstream = [flags.astype(np.float64) for flags in found.spots.flags(chosen, shapes)]
        gradient = problem.backward(upstream)
        for number, v in enumerate(directions):
            products = np.asarray(blocks.sum_tensor(gradient * v)).reshape(-1)
            rows[number, chosen] = products[found.blocks[chosen]]
    return rows
