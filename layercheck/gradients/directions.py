"""Random directions on a short binary grid, so that x + t v is exact for exact steps t."""

from __future__ import annotations

import numpy as np

from layercheck.gradients.cells import Cells
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Values
from layercheck.gradients.structure import Blocks


def gaussian(problem: Problem, rng: np.random.Generator) -> Values:
    """A normal direction: no error vector is orthogonal to it but by chance."""
    unit = _unit(problem)
    v = rng.standard_normal(problem.value.shape)
    v *= unit
    np.round(v, out=v)
    v *= problem.scale / unit
    return problem.within(v)


def bounded(problem: Problem, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Numbers of random sign and of size 1/2 to 2: no element is missed by a small factor."""
    unit = _unit(problem)
    size = rng.integers(unit // 2, 2 * unit + 1, shape, dtype=np.int16)
    np.negative(size, where=rng.integers(0, 2, shape, dtype=np.int8).astype(bool), out=size)
    return np.multiply(size, problem.scale / unit, dtype=np.float64)


def one_each(problem: Problem, blocks: Blocks, position: int, rng: np.random.Generator) -> Values:
    """A direction that moves the element at one position of every block."""
    shape = problem.value.shape
    if blocks.size(shape) == 1:
        return problem.within(bounded(problem, shape, rng))
    v = np.zeros(shape)
    place = placed(blocks, shape, position)
    v[place] = bounded(problem, v[place].shape, rng)
    return problem.within(v)


def at_cells(problem: Problem, cells: Cells, rng: np.random.Generator) -> Values:
    """A direction that moves the elements of some cells."""
    v = np.zeros(problem.value.shape)
    v[cells.place] = bounded(problem, v[cells.place].shape, rng)
    return problem.within(v)


def placed(blocks: Blocks, shape: tuple[int, ...], position: int) -> tuple[int | slice, ...]:
    """Index the elements at one position of every block."""
    free = blocks.free(shape)
    inside = np.unravel_index(position, [shape[axis] for axis in free])
    where = dict(zip(free, (int(i) for i in inside), strict=True))
    return tuple(where.get(axis, slice(None)) for axis in range(len(shape)))


def exact(problem: Problem, v: Values, step: float) -> Values:
    """Round a direction so that no element of value +- step v is rounded."""
    size = np.maximum(np.abs(problem.value), step * np.abs(v))
    unit = np.spacing(2 * size) / problem.value.dtype.type(step)
    return np.asarray(np.round(v / unit) * unit)


def only(problem: Problem, flat: int, rng: np.random.Generator) -> Values:
    """A direction that moves one element alone."""
    v = np.zeros(problem.value.size)
    v[flat] = bounded(problem, (), rng)
    return problem.within(v.reshape(problem.value.shape))


def _unit(problem: Problem) -> int:
    return 256 if problem.precision.eps < 2.0**-30 else 16
