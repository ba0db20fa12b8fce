"""Which outputs depend on which elements of a tensor, found by perturbing parts of it.

Where output index i along some axis depends only on the tensor's index i along some axis, the
Jacobian is block-diagonal there: one direction then gives one number a block instead of one
number in all. Elementwise layers have blocks of one element.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array

Bools = npt.NDArray[np.bool_]

_SHORT = 16  # axes up to this length are told apart by all their bits, longer ones at random
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
        return _sum(factors, self.tensor)

    def sum_output(self, k: int, *factors: Array) -> Array:
        """Sum a product over each block of output `k`."""
        axes = self.outputs[k]
        return _sum(factors, () if axes is None else axes)

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
    change = _change(problem, rng)
    shapes = {output.shape for output in problem.outputs}
    if shapes == {problem.value.shape} and problem.value.size > _SHORT:
        axes = tuple(range(problem.value.ndim))
        if _is_elementwise(problem, change, rng):
            return Blocks(axes, (axes,) * len(problem.outputs))
    pairs: list[tuple[int, list[list[int]]]] = []
    moving = [False] * len(problem.outputs)
    for axis, length in enumerate(problem.value.shape):
        if length > 1 and not (problem.is_complex and axis == problem.value.ndim - 1):
            pairs.append((axis, _partners(problem, axis, moving, change, rng)))
    return _assign(problem, pairs, moving)


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
    moved = list(_moved(problem, others, _change(problem, rng)))[output]
    return not moved.reshape(-1)[position]


def _is_elementwise(problem: Problem, change: Array, rng: np.random.Generator) -> bool:
    """Perturb half of the elements, then the others: the rest of the outputs must stay."""
    mask = rng.integers(0, 2, problem.value.shape, dtype=bool)
    for perturbed in (mask, ~mask):
        for moved in _moved(problem, perturbed, change):
            if np.any(moved & ~perturbed):
                return False
    return True


def _partners(
    problem: Problem, axis: int, moving: list[bool], change: Array, rng: np.random.Generator
) -> list[list[int]]:
    """For each output, its axes whose indices follow those of the tensor's `axis`."""
    length = problem.value.shape[axis]
    candidates = [
        [b for b, n in enumerate(output.shape) if n == length] for output in problem.outputs
    ]
    for mask in _masks(length, rng):
        if not any(candidates):
            break
        shape = [1] * problem.value.ndim
        shape[axis] = length
        perturbed = np.broadcast_to(mask.reshape(shape), problem.value.shape)
        for k, moved in enumerate(_moved(problem, perturbed, change)):
            if not moved.any():
                continue
            moving[k] = True
            candidates[k] = [b for b in candidates[k] if not np.any(_along(moved, b) & ~mask)]
    return candidates


def _assign(
    problem: Problem, pairs: list[tuple[int, list[list[int]]]], moving: list[bool]
) -> Blocks:
    """Pair axes one to one, each with the partner at the same place where it can be."""
    tensor: list[int] = []
    outputs: list[list[int]] = [[] for _ in problem.outputs]
    for axis, candidates in pairs:
        chosen: list[int] = []
        for k, found in enumerate(candidates):
            left = [b for b in found if b not in outputs[k]]
            if moving[k] and left:
                chosen.append(axis if axis in left else left[0])
        if len(chosen) == sum(moving) > 0:
            tensor.append(axis)
            for k, b in zip((k for k, moves in enumerate(moving) if moves), chosen, strict=True):
                outputs[k].append(b)
    return Blocks(
        tuple(tensor),
        tuple(
            tuple(axes) if moves or not any(moving) else None
            for axes, moves in zip(outputs, moving, strict=True)
        ),
    )


def _masks(length: int, rng: np.random.Generator) -> Iterator[Bools]:
    """Masks and their complements that set any two indices apart (very likely, if many)."""
    indices = np.arange(length)
    if length <= _SHORT:
        masks = [(indices >> bit) % 2 == 1 for bit in range((length - 1).bit_length())]
    else:
        masks = [rng.permutation(indices) % 2 == 1 for _ in range(2)]
    for mask in masks:
        yield mask
        yield ~mask


def _moved(problem: Problem, perturbed: Bools, change: Array) -> Iterator[Bools]:
    """Where each output changes when the chosen elements of the tensor do."""
    value = np.multiply(change, perturbed)
    value += problem.value
    if math.isfinite(problem.low) or math.isfinite(problem.high):
        np.clip(value, problem.low, problem.high, out=value)
    after = problem.evaluate(value.astype(problem.value.dtype, copy=False))
    limits = (_UNMOVED * problem.precision.eps * size for size in problem.sizes)
    for output, moved, limit in zip(problem.outputs, after, limits, strict=True):
        with np.errstate(all="ignore"):
            yield ~(np.abs(moved - output) <= limit)


def _change(problem: Problem, rng: np.random.Generator) -> Array:
    """A change of random sign of every element, of 1/2 to 1 times the tensor's scale."""
    change = rng.integers(64, 128, problem.value.shape, dtype=np.int8)
    np.negative(change, where=rng.integers(0, 2, change.shape, dtype=bool), out=change)
    return np.multiply(change, problem.scale / 128, dtype=np.float64)


def _along(moved: Bools, axis: int) -> Bools:
    return np.asarray(moved.any(axis=tuple(b for b in range(moved.ndim) if b != axis)))


def _sum(factors: tuple[Array, ...], kept: tuple[int, ...]) -> Array:
    axes = list(range(factors[0].ndim))
    operands: list[Any] = [part for factor in factors for part in (factor, axes)]
    return np.asarray(np.einsum(*operands, list(kept)))
