"""Windows: outputs that depend on a few neighbouring indices of a tensor's axis, as in pooling.

Elements whose windows do not overlap can be moved at once, so that a pooling layer is seen element
by element along a few directions. A window that is assumed and wrong leaves outputs that change
without belonging to any moved element, or gives them to the wrong one: either shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layercheck.gradients.structure import Blocks, Bools, Probe, along

Indices = npt.NDArray[np.intp]

_WIDEST = 8  # strides and rates of repetition beyond are not looked for


@dataclass(frozen=True)
class Reach:
    """Index i along `axis` of an output sees index j where low <= j * up - i * down <= high."""

    axis: int
    up: int
    down: int
    low: int
    high: int

    def owners(self, length: int, first: int, period: int, count: int) -> Indices:
        """The number of the one element seen by each output index, of every `period`-th; or -1."""
        i = np.arange(length)
        least = -((-self.low - i * self.down) // self.up)
        most = (self.high + i * self.down) // self.up
        number = -((first - least) // period)
        seen = (first + period * number <= most) & (number >= 0) & (number < count)
        return np.where(seen, number, -1)


@dataclass(frozen=True)
class Window:
    """An axis of the tensor, and its reach in each output; None in those that do not depend."""

    axis: int
    reaches: tuple[Reach | None, ...]

    @property
    def period(self) -> int:
        """Every so many-th index can be moved without being mistaken for another."""
        return max((r.high - r.low) // r.up + 1 for r in self.reaches if r is not None)


@dataclass(frozen=True)
class Structure:
    """Blocks of a tensor, and windows along axes inside the blocks."""

    blocks: Blocks
    windows: tuple[Window, ...] = ()

    @property
    def is_known(self) -> bool:
        """The tensor is more than one block."""
        return bool(self.blocks.tensor or self.windows)

    def colours(self, shape: tuple[int, ...]) -> int:
        """How many directions move each element once, none mixed up with another."""
        periods = {window.axis: window.period for window in self.windows}
        return math.prod(
            min(periods.get(axis, shape[axis]), shape[axis]) for axis in self.blocks.free(shape)
        )


def find_windows(probe: Probe, blocks: Blocks) -> tuple[Window, ...]:
    """Move one index of all axes inside the blocks, then its neighbours, and fit windows."""
    shape = probe.shape
    free = [axis for axis in blocks.free(shape) if axis < len(shape) - probe.problem.is_complex]
    seen = [_glimpse(probe, free, 0)]
    while not any(seen[-1].extents) and any(probe.moving) and len(seen) < _WIDEST:
        seen.append(_glimpse(probe, free, len(seen)))
    partners = _partners(probe, blocks, free, seen[-1].extents)
    rates = {
        (axis, k): _rate(shape[axis], probe.problem.outputs[k].shape[b])
        for axis, followers in partners.items()
        for k, b in followers.items()
    }
    most = max((down for _, down in rates.values()), default=1)
    if most > _WIDEST:
        return ()
    seen += [_glimpse(probe, free, step) for step in range(len(seen), most)]
    windows = []
    for axis, followers in partners.items():
        reaches: list[Reach | None] = [None] * len(probe.problem.outputs)
        for k, b in followers.items():
            reaches[k] = _fit(axis, k, b, rates[axis, k], seen)
        windows.append(Window(axis, tuple(reaches)))
    return tuple(window for window in windows if window.period < shape[window.axis])


@dataclass(frozen=True)
class _Glimpse:
    """Which index of each axis was moved, and the first and last index that moved in each output.

    An output that stayed has none.
    """

    place: dict[int, int]
    extents: tuple[tuple[tuple[int, int], ...], ...]


def _glimpse(probe: Probe, free: Sequence[int], step: int) -> _Glimpse:
    """Move the index `step` after the middle one along all free axes, in all blocks."""
    place = {axis: min((probe.shape[axis] - 1) // 2 + step, probe.shape[axis] - 1) for axis in free}
    chosen = np.zeros(probe.shape, bool)
    chosen[tuple(place.get(axis, slice(None)) for axis in range(chosen.ndim))] = True
    return _Glimpse(place, tuple(_extent(moved) for moved in probe.moved(chosen)))


def _extent(moved: Bools) -> tuple[tuple[int, int], ...]:
    """The first and the last index along each axis."""
    where = [np.flatnonzero(along(moved, (axis,))) for axis in range(moved.ndim)]
    return tuple((int(i[0]), int(i[-1])) for i in where if i.size)


def _partners(
    probe: Probe,
    blocks: Blocks,
    free: Sequence[int],
    extents: Sequence[tuple[tuple[int, int], ...]],
) -> dict[int, dict[int, int]]:
    """For some free axes, the axis of each output that follows it: one that moved in part."""
    found: dict[int, dict[int, int]] = {axis: {} for axis in free}
    moving = [k for k, taken in enumerate(blocks.outputs) if taken is not None]
    for k in moving:
        taken = blocks.outputs[k] or ()
        lengths = probe.problem.outputs[k].shape
        near = [
            b
            for b, (first, last) in enumerate(extents[k])
            if b not in taken and 2 * (last - first + 1) <= lengths[b]
        ]
        matched = free if len(near) == len(free) else [b for b in near if b in free]
        for axis, b in zip(matched, near if matched is free else matched, strict=True):
            found[axis][k] = b
    complete = {axis: each for axis, each in found.items() if len(each) == len(moving)}
    return complete if moving else {}


def _rate(length: int, output: int) -> tuple[int, int]:
    """How far the window moves: the output's index times `down`, the tensor's times `up`."""
    if output <= length:
        return 1, max(1, round(length / output))
    return max(1, round(output / length)), 1


def _fit(axis: int, k: int, b: int, rate: tuple[int, int], seen: Sequence[_Glimpse]) -> Reach:
    """The smallest window that holds all that was seen."""
    up, down = rate
    moved = [(each.place[axis], each.extents[k][b]) for each in seen if each.extents[k]]
    low = min(j * up - last * down for j, (_, last) in moved)
    high = max(j * up - first * down for j, (first, _) in moved)
    return Reach(b, up, down, low, high)
