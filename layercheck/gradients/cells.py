"""Elements that are moved at once although each is judged alone: one of every block and window."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array
from layercheck.gradients.structure import Probe, one_block, search_blocks, sum_to
from layercheck.gradients.windows import Indices, Structure, find_windows

FEW_ELEMENTS = 8  # no structure is sought in a tensor that is sooner done element by element


@dataclass(frozen=True)
class Cells:
    """One element of every block and window: those of one colour.

    Parameters
    ----------
    structure : Structure
    shape : tuple of int
        Of the tensor.
    first : dict of int
        For each axis inside the blocks, the first index that is moved.
    """

    structure: Structure
    shape: tuple[int, ...]
    first: dict[int, int]

    @property
    def periods(self) -> dict[int, int]:
        """For each axis with windows, from which index to the next one moves."""
        return {window.axis: window.period for window in self.structure.windows}

    @property
    def place(self) -> tuple[int | slice, ...]:
        """Index the elements in the tensor."""
        periods = self.periods
        return tuple(
            slice(self.first.get(axis), None, periods[axis])
            if axis in periods
            else self.first.get(axis, slice(None))
            for axis in range(len(self.shape))
        )

    @property
    def axes(self) -> list[int]:
        """The tensor's axes that tell the elements apart."""
        return sorted((*self.structure.blocks.tensor, *self.periods))

    def lengths(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """How many elements there are along each of these axes."""
        return tuple(
            len(range(self.first.get(axis, 0), shape[axis], self.periods.get(axis, 1)))
            for axis in self.axes
        )

    def sum_tensor(self, *factors: Array) -> Array:
        """Multiply at each of the elements."""
        product = factors[0][self.place]
        for factor in factors[1:]:
            product = product * factor[self.place]
        return np.asarray(product)

    def sum_output(self, k: int, *factors: Array) -> Array:
        """Sum a product over what each of the elements moves in output `k`."""
        kept = self.structure.blocks.outputs[k]
        if kept is None:
            return sum_to((), factors)
        follower = dict(zip(self.structure.blocks.tensor, kept, strict=True))
        owners = dict(self._owners(k, factors[0].shape))
        order = tuple(follower[a] if a in follower else owners[a][0] for a in self.axes)
        total = sum_to(order, factors)
        for position, axis in enumerate(self.axes):
            if axis in owners:
                count = self.lengths(self.shape)[position]
                total = _gathered(total, position, owners[axis][1], count)
        return total

    def strays(self, k: int, value: Array, bound: Array) -> bool:
        """Whether anything moved in output `k` that belongs to none of the elements."""
        for _, (axis, numbers) in self._owners(k, value.shape):
            none = np.flatnonzero(numbers < 0)
            if np.any(np.abs(value.take(none, axis)) > bound.take(none, axis)):
                return True
        return False

    def flat(self, rows: Indices) -> Indices:
        """The flat indices in the tensor of the elements numbered `rows`."""
        chosen: dict[int, Indices | int] = {**self.first}
        numbers = np.unravel_index(rows, self.lengths(self.shape)) if self.axes else ()
        for axis, number in zip(self.axes, numbers, strict=True):
            chosen[axis] = self.first.get(axis, 0) + self.periods.get(axis, 1) * number
        flat = np.zeros(rows.shape, np.intp)
        for axis, length in enumerate(self.shape):
            flat = flat * length + chosen[axis]
        return flat

    def _owners(self, k: int, shape: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, Indices]]]:
        """For each axis with windows: the output's axis, and whose window each index lies in."""
        lengths = dict(zip(self.axes, self.lengths(self.shape), strict=True))
        for window in self.structure.windows:
            reach, axis = window.reaches[k], window.axis
            if reach is not None:
                numbers = reach.owners(
                    shape[reach.axis], self.first[axis], window.period, lengths[axis]
                )
                yield axis, (reach.axis, numbers)


def all_cells(structure: Structure, shape: tuple[int, ...]) -> Iterator[Cells]:
    """Yield all colours: together they move every element once."""
    periods = {window.axis: window.period for window in structure.windows}
    free = structure.blocks.free(shape)
    for first in itertools.product(*(range(min(periods.get(a, shape[a]), shape[a])) for a in free)):
        yield Cells(structure, shape, dict(zip(free, first, strict=True)))


def find_structure(problem: Problem, most: int, rng: np.random.Generator) -> Structure:
    """Find blocks, and windows inside them where these leave at most `most` directions."""
    if problem.value.size <= FEW_ELEMENTS:
        return Structure(one_block(problem))
    probe = Probe(problem, rng)
    found = Structure(search_blocks(probe))
    if found.colours(probe.shape) > 1 < most:
        better = replace(found, windows=find_windows(probe, found.blocks))
        if better.windows and better.colours(probe.shape) <= most and _holds(probe, better):
            return better
    return found


def _holds(probe: Probe, structure: Structure) -> bool:
    """Move about half of the elements of a colour: only their windows may change."""
    cells = next(all_cells(structure, probe.shape))
    chosen = probe.rng.integers(0, 2, cells.lengths(probe.shape)).astype(bool)
    for position, axis in enumerate(cells.axes):
        if axis in cells.periods:  # a window that goes round shows at an edge
            chosen.swapaxes(0, position)[0] = True
            chosen.swapaxes(0, position)[-1] = False
    perturbed = np.zeros(probe.shape, bool)
    everywhere = tuple(i if isinstance(i, slice) else slice(None) for i in cells.place)
    inside = tuple(i for i, at in enumerate(cells.place) if not isinstance(at, slice))
    perturbed[everywhere] = np.expand_dims(chosen, inside)
    for k, moved in enumerate(probe.moved(perturbed)):
        value = moved.astype(np.float64)
        found = np.broadcast_to(cells.sum_output(k, value), chosen.shape)
        if np.any(found[~chosen] > 0) or cells.strays(k, value, np.zeros_like(value)):
            return False
    return True


def _gathered(array: Array, axis: int, numbers: Indices, count: int) -> Array:
    """Sum along an axis what has the same number; -1 is left out."""
    chosen = np.flatnonzero(numbers >= 0)
    present, starts = np.unique(numbers[chosen], return_index=True)
    moved = np.moveaxis(array, axis, 0)
    total = np.zeros((count, *moved.shape[1:]))
    if present.size:
        total[present] = np.add.reduceat(moved[chosen], starts, axis=0)
    return np.moveaxis(total, 0, axis)
