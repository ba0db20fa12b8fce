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
from layercheck.gradients.quotients import Array, Values

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
    shapes = {output.shape for output in problem.outputs}
    if shapes == {problem.value.shape} and problem.value.size > _SHORT:
        axes = tuple(range(problem.value.ndim))
        if _is_elementwise(problem, rng):
            return Blocks(axes, (axes,) * len(problem.outputs))
    pairs: list[tuple[int, list[list[int]]]] = []
    moving = [False] * len(problem.outputs)
    for axis, length in enumerate(problem.value.shape):
        if length > 1 and not (problem.is_complex and axis == problem.value.ndim - 1):
            pairs.append((axis, _partners(problem, axis, moving, rng)))
    return _assign(problem, pairs, moving)


def _is_elementwise(problem: Problem, rng: np.random.Generator) -> bool:
    """Perturb half of the elements, then the others: the rest of the outputs must stay."""
    mask = rng.random(problem.value.shape) < 0.5
    for perturbed in (mask, ~mask):
        for moved in _moved(problem, perturbed, rng):
            if np.any(moved & ~perturbed):
                return False
    return True


def _partners(
    problem: Problem, axis: int, moving: list[bool], rng: np.random.Generator
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
        for k, moved in enumerate(_moved(problem, perturbed, rng)):
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


def _moved(problem: Problem, perturbed: Bools, rng: np.random.Generator) -> Iterator[Bools]:
    """Where each output changes when the chosen elements of the tensor do."""
    change = rng.uniform(0.5, 1.0, problem.value.shape) * problem.scale
    change = np.where(perturbed, change, 0.0)
    np.negative(change, where=rng.random(change.shape) < 0.5, out=change)
    value = np.clip(problem.value + change, problem.low, problem.high)
    for output, after in zip(problem.outputs, problem.evaluate(_as(value, problem)), strict=True):
        yield _changed(output, after, problem.precision.eps)


def _changed(before: Values, after: Values, eps: float) -> Bools:
    with np.errstate(all="ignore"):
        size = np.sqrt(np.mean(np.square(before, dtype=np.float64)))
        stayed: Bools = np.abs(after - before) <= _UNMOVED * eps * size
    return ~stayed


def _as(value: Array, problem: Problem) -> Values:
    return value.astype(problem.value.dtype, copy=False)


def _along(moved: Bools, axis: int) -> Bools:
    return np.asarray(moved.any(axis=tuple(b for b in range(moved.ndim) if b != axis)))


def _sum(factors: tuple[Array, ...], kept: tuple[int, ...]) -> Array:
    axes = list(range(factors[0].ndim))
    operands: list[Any] = [part for factor in factors for part in (factor, axes)]
    return np.asarray(np.einsum(*operands, list(kept)))
