"""Which outputs depend on which elements of a tensor, found by perturbing parts of it.

Where output index i along some axis depends only on the tensor's index i along some axis, the
Jacobian is block-diagonal there: one direction then gives one number a block instead of one
number in all. Elementwise layers have blocks of one element.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Values

Bools = npt.NDArray[np.bool_]

Partners = list[list[int]]  # for each output, the axes that may follow an axis of the tensor

_SHORT = 16  # this many blocks are told apart one by one, more at random
_MANY = 1024  # blocks from which one random half and its complement are enough
_UNMOVED = 2.0**14  # units of eps rms: BLAS may sum in another order, a dependence moves more


@dataclass(frozen=True)
class Blocks:
    """A block-diagonal Jacobian: axis `tensor[p]` runs with axis `outputs[k][p]` of output k.

    An output that does not depend on the tensor has None.
    """

    tensor: tuple[int, ...]
    outputs: tuple[tuple[int, ...] | None, ...]

    def sum_tensor(self, *factors: Array) -> Array:
        """Sum a product over each block of the tensor."""
        return sum_to(self.tensor, factors)

    def sum_output(self, k: int, *factors: Array) -> Array:
        """Sum a product over each block of output `k`."""
        axes = self.outputs[k]
        return sum_to(() if axes is None else axes, factors)

    def table(self, array: Values) -> Values:
        """One row a block, one column a position in it."""
        order = (*self.tensor, *self.free(array.shape))
        return array.transpose(order).reshape(self.count(array.shape), -1)

    def untable(self, table: Values, shape: tuple[int, ...]) -> Values:
        """The array that such a table comes from."""
        order = (*self.tensor, *self.free(shape))
        moved = table.reshape([shape[axis] for axis in order])
        return moved.transpose(np.argsort(order))

    def ordered(self) -> Blocks:
        """The same, the pairs in the order of the first outputs' axes."""
        places = [axes for axes in self.outputs if axes is not None]
        order = sorted(range(len(self.tensor)), key=lambda p: [axes[p] for axes in places])
        return Blocks(
            tuple(self.tensor[p] for p in order),
            tuple(None if axes is None else tuple(axes[p] for p in order) for axes in self.outputs),
        )

    def strays(self, k: int, value: Array, bound: Array) -> bool:
        """Every element of an output belongs to a block."""
        return False

    def lengths(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """How many blocks there are along each axis that tells them apart."""
        return tuple(shape[axis] for axis in self.tensor)

    def size(self, shape: tuple[int, ...]) -> int:
        """Elements of the tensor in one block."""
        return math.prod(n for axis, n in enumerate(shape) if axis not in self.tensor)

    def count(self, shape: tuple[int, ...]) -> int:
        """How many blocks there are."""
        return math.prod(shape[axis] for axis in self.tensor)

    def free(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The tensor's axes inside a block."""
        return tuple(axis for axis in range(len(shape)) if axis not in self.tensor)


def one_block(problem: Problem) -> Blocks:
    """No structure: the whole tensor is one block."""
    return Blocks((), ((),) * len(problem.outputs))


def find_blocks(problem: Problem, rng: np.random.Generator) -> Blocks:
    """Find the axes along which the layer keeps its indices apart."""
    return search_blocks(Probe(problem, rng))


def search_blocks(probe: Probe) -> Blocks:
    """Try axes of equal length all at once, then those that one hyperplane leaves, then each alone.

    Where nothing is wrong with the first guess, that is two evaluations in all.
    """
    candidates = _by_length(probe.problem)
    guess = _assign(candidates, [True] * len(probe.moving))
    if guess.tensor and probe.keeps_apart(guess):
        better = _assign(candidates, probe.moving)
        return better if better == guess or probe.keeps_apart(better) else guess
    narrowed = {axis: probe.follow(axis, found) for axis, found in candidates.items()}
    second = _assign(narrowed, probe.moving)
    if second.tensor and second != guess and probe.keeps_apart(second):
        return second
    alone = {axis: probe.partners(axis, found) for axis, found in narrowed.items()}
    return _assign(alone, probe.moving)


def is_confined(
    problem: Problem,
    blocks: Blocks,
    block: int,
    output: int,
    position: int,
    rng: np.random.Generator,
) -> bool:
    """Whether one element of an output stays while all but one block of the tensor change."""
    others = np.ones(problem.value.shape, bool)
    shape = tuple(problem.value.shape[axis] for axis in blocks.tensor)
    place = dict(zip(blocks.tensor, np.unravel_index(block, shape), strict=True))
    others[tuple(place.get(axis, slice(None)) for axis in range(others.ndim))] = False
    return not Probe(problem, rng).moved(others)[output].reshape(-1)[position]


class Probe:
    """Perturbs parts of a tensor and sees which outputs change.

    `moving` says which outputs changed at all so far.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem = problem
        self.rng = rng
        self.shape = problem.value.shape
        self.change = _change(problem, rng)
        self.moving = [False] * len(problem.outputs)

    def moved(self, perturbed: Bools) -> list[Bools]:
        """Where each output changes when the chosen elements of the tensor do."""
        problem = self.problem
        value = np.multiply(self.change, perturbed)
        value += problem.value
        if math.isfinite(problem.low) or math.isfinite(problem.high):
            np.clip(value, problem.low, problem.high, out=value)
        after = problem.evaluate(value.astype(problem.value.dtype, copy=False))
        limits = (_UNMOVED * problem.precision.eps * size for size in problem.sizes)
        found = []
        for k, (output, new, limit) in enumerate(zip(problem.outputs, after, limits, strict=True)):
            with np.errstate(all="ignore"):
                found.append(~(np.abs(new - output) <= limit))
            self.moving[k] |= bool(found[-1].any())
        return found

    def hyperplane(self, axis: int, position: int) -> list[Bools]:
        """Where each output changes when all elements at one index of an axis do."""
        return self.moved(self._along(axis, np.arange(self.shape[axis]) == position))

    def keeps_apart(self, blocks: Blocks) -> bool:
        """Perturb some blocks, then the others: the outputs of the rest must stay."""
        lengths = tuple(self.shape[axis] for axis in blocks.tensor)
        spread = [self.shape[a] if a in blocks.tensor else 1 for a in range(len(self.shape))]
        for mask in _masks(math.prod(lengths), self.rng):
            perturbed = np.broadcast_to(mask.reshape(spread), self.shape)
            for axes, moved in zip(blocks.outputs, self.moved(perturbed), strict=True):
                if np.any(along(moved, axes or ()) & ~mask.reshape(lengths)):
                    return False
        return True

    def follow(self, axis: int, candidates: Partners) -> Partners:
        """Keep the output axes along which one index of the tensor moves that index alone."""
        if not any(candidates):
            return candidates
        middle = self.shape[axis] // 2
        kept: Partners = []
        for found, moved in zip(candidates, self.hyperplane(axis, middle), strict=True):
            where = {b: np.flatnonzero(along(moved, (b,))) for b in found}
            kept.append([b for b in found if np.all(where[b] == middle)])
        return kept

    def partners(self, axis: int, candidates: Partners) -> Partners:
        """Keep the output axes whose indices follow those of the tensor's `axis`."""
        kept = [list(found) for found in candidates]
        for mask in _masks(self.shape[axis], self.rng):
            if not any(kept):
                break
            for k, moved in enumerate(self.moved(self._along(axis, mask))):
                kept[k] = [b for b in kept[k] if not np.any(along(moved, (b,)) & ~mask)]
        return kept

    def _along(self, axis: int, chosen: Bools) -> Bools:
        shape = [1] * len(self.shape)
        shape[axis] = len(chosen)
        return np.broadcast_to(chosen.reshape(shape), self.shape)


def _by_length(problem: Problem) -> dict[int, Partners]:
    """For each axis of the tensor and each output, the output's axes of the same length."""
    last = problem.value.ndim - problem.is_complex
    return {
        axis: [[b for b, n in enumerate(z.shape) if n == length] for z in problem.outputs]
        for axis, length in enumerate(problem.value.shape[:last])
        if length > 1
    }


def _assign(candidates: dict[int, Partners], moving: list[bool]) -> Blocks:
    """Pair axes one to one, first those that can be paired with the axis at the same place."""
    pairs: dict[int, dict[int, int]] = {}
    taken: list[set[int]] = [set() for _ in moving]
    follow = [k for k, moves in enumerate(moving) if moves]

    def stays(axis: int) -> bool:
        return all(axis in candidates[axis][k] for k in follow)

    for axis in sorted(candidates, key=lambda axis: (not stays(axis), axis)):
        left = {k: [b for b in candidates[axis][k] if b not in taken[k]] for k in follow}
        if follow and all(left.values()):
            pairs[axis] = {k: axis if axis in found else found[0] for k, found in left.items()}
            for k, b in pairs[axis].items():
                taken[k].add(b)
    return Blocks(
        tuple(sorted(pairs)),
        tuple(
            tuple(pairs[axis][k] for axis in sorted(pairs)) if moves or not follow else None
            for k, moves in enumerate(moving)
        ),
    )


def _masks(count: int, rng: np.random.Generator) -> Iterator[Bools]:
    """Masks with, for each two of few blocks, one that holds the first and not the second.

    Every block lies in another half of the masks (Sperner). Many blocks: random halves.
    """
    numbers = np.arange(count)
    if count <= _SHORT:
        bits = next(m for m in itertools.count(1) if math.comb(m, m // 2) >= count)
        halves = itertools.islice(itertools.combinations(range(bits), bits // 2), count)
        lies_in = np.array([[bit in half for bit in range(bits)] for half in halves])
        yield from lies_in.T
        return
    for _ in range(1 if count > _MANY else 2):
        mask = rng.permutation(numbers) % 2 == 1
        yield mask
        yield ~mask


def _change(problem: Problem, rng: np.random.Generator) -> Array:
    """A change of random sign of every element, of 1/2 to 1 times the tensor's scale."""
    change = rng.integers(64, 128, problem.value.shape, dtype=np.int8)
    np.negative(change, where=rng.integers(0, 2, change.shape, dtype=bool), out=change)
    return np.multiply(change, problem.scale / 128, dtype=np.float64)


def along(moved: Bools, axes: tuple[int, ...]) -> Bools:
    """Reduce to the given axes, in their order."""
    found = moved.any(axis=tuple(b for b in range(moved.ndim) if b not in axes))
    return np.asarray(found).transpose(np.argsort(np.argsort(axes)))


def sum_to(kept: tuple[int, ...], factors: tuple[Array, ...]) -> Array:
    """Sum a product over all axes but some, which come in the given order."""
    axes = list(range(factors[0].ndim))
    operands: list[Any] = [part for factor in factors for part in (factor, axes)]
    return np.asarray(np.einsum(*operands, list(kept)))
