"""Full Jacobians at a small layout: the true one by differences, the claimed one by backward."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.boxes import MANY_COLUMNS, MANY_ROWS, Box, choose_box
from layercheck.gradients.differences import Plan, directional_derivative
from layercheck.gradients.directions import one_each, placed
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Derivative, Values
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.gradients.structure import Blocks, find_blocks


@dataclass(frozen=True)
class Jacobian:
    """The derivatives of one output with respect to one tensor.

    Complex outputs and tensors have a last axis of two for the real and imaginary parts.

    Parameters
    ----------
    value : array, shape of the output + shape of the tensor
        NaN where no derivative exists.
    bound : array of the same shape
        How far off the truth `value` is at most.
    output_rank : int
        How many axes are the output's.
    """

    value: Array
    bound: Array
    output_rank: int


def true_jacobians(
    problem: Problem, blocks: Blocks, box: Box, rng: np.random.Generator
) -> tuple[Jacobian, ...]:
    """Differentiate every output in every element of the box."""
    shape = problem.value.shape
    inside = box.of(shape)
    small = box.shape(shape)
    found = []
    for z in problem.outputs:
        full = (*box.shape(z.shape), *small)
        found.append(Jacobian(np.zeros(full), np.zeros(full), z.ndim))
    plan: Plan | None = None
    free = blocks.free(shape)
    for position in range(blocks.size(small)):
        index = np.unravel_index(position, [small[axis] for axis in free])
        at = [int(inside[axis][i]) for axis, i in zip(free, index, strict=True)]
        full_position = int(np.ravel_multi_index(at, [shape[a] for a in free])) if free else 0
        v = one_each(problem, blocks, full_position, rng)
        derivatives, plan = directional_derivative(
            problem.along(v), problem.outputs, precision=problem.precision, plan=plan
        )
        step = box.cut(v)[placed(blocks, small, position)]
        for k, derivative in enumerate(derivatives):
            _enter(found[k], blocks, k, step, position, _cut(derivative, box))
    return tuple(found)


def _cut(derivative: Derivative, box: Box) -> Derivative:
    return Derivative(
        box.cut(derivative.value),
        box.cut(derivative.bound),
        box.cut(derivative.flagged),
        derivative.evaluations,
    )


def _enter(
    jacobian: Jacobian,
    blocks: Blocks,
    k: int,
    step: Values,
    position: int,
    derivative: Derivative,
) -> None:
    """Enter the derivatives along one element of every block."""
    axes = blocks.outputs[k]
    if axes is None:
        return
    rank = derivative.value.ndim
    rest = [axis for axis in range(rank) if axis not in axes]
    with np.errstate(all="ignore"):
        scale = 1 / step.reshape(step.shape + (1,) * len(rest))
        value = np.transpose(derivative.value, [*axes, *rest]) * scale
        bound = np.transpose(derivative.bound, [*axes, *rest]) * np.abs(scale)
        unknown = np.transpose(derivative.flagged, [*axes, *rest]) | ~np.isfinite(scale)
    value = np.where(np.abs(value) <= bound, 0.0, value)
    for target, entries in (
        (jacobian.value, np.where(unknown, np.nan, value)),
        (jacobian.bound, np.where(unknown, 0.0, bound)),
    ):
        _of_blocks(target, blocks, axes, rank, position)[...] = entries


def _of_blocks(
    full: Array, blocks: Blocks, axes: tuple[int, ...], rank: int, position: int
) -> Array:
    """View the entries of all blocks at one position of each: block axes, other output axes."""
    ids = list(range(full.ndim))
    for tensor_axis, axis in zip(blocks.tensor, axes, strict=True):
        ids[rank + tensor_axis] = axis
    shape = full.shape[rank:]
    free = [rank + axis for axis in blocks.free(shape)]
    rest = [axis for axis in range(rank) if axis not in axes]
    operands: list[Any] = [full, ids, [*axes, *rest, *free]]
    view = np.einsum(*operands)  # a view of the diagonals, not a copy
    inside = np.unravel_index(position, [full.shape[axis] for axis in free])
    return np.asarray(view[(..., *(int(i) for i in inside))])


def claimed_jacobians(specimen: Specimen, box: Box) -> dict[str, tuple[Array, ...]]:
    """Return what backward says of every output element in the box, for all tensors at once.

    Returns
    -------
    dict, title of a tensor -> one array an output, as `true_jacobians` has them
    """
    found: dict[str, list[Array]] = {tensor.title: [] for tensor in specimen.tensors}
    zero = [np.zeros_like(d) for d in specimen.upstream()]
    for k, output in enumerate(specimen.outputs):
        if output.dtype.kind not in "fc":
            continue
        parts = (1.0, 1j) if np.iscomplexobj(output) else (1.0,)
        lines: dict[str, list[Array]] = {title: [] for title in found}
        for index in itertools.product(*box.of(output.shape)):
            for part in parts:
                upstream = list(zero)
                upstream[k] = np.zeros_like(zero[k])
                upstream[k][index] = part
                gradients = specimen.pull_back(upstream)
                for tensor in specimen.tensors:
                    lines[tensor.title].append(box.cut(_reals(gradients[tensor.title], tensor)))
        shape = (*box.shape(output.shape), 2) if len(parts) == 2 else box.shape(output.shape)
        for title, rows in lines.items():
            found[title].append(np.stack(rows).reshape(*shape, *rows[0].shape))
    return {title: tuple(blocks) for title, blocks in found.items()}


def _reals(gradient: npt.NDArray[np.generic], tensor: Tensor) -> Array:
    """A gradient as reals; NaN where it has not the tensor's shape."""
    shape = tensor.value.shape
    if gradient.shape != shape:
        return np.full((*shape, 2) if np.iscomplexobj(tensor.value) else shape, np.nan)
    wide = gradient.astype(np.complex128)
    if np.iscomplexobj(tensor.value):
        return np.stack([wide.real, wide.imag], axis=-1)
    return wide.real


def box_of(specimen: Specimen, tensor: Tensor) -> Box:
    """Return what part of a tensor's Jacobians is looked at."""
    return specimen.memo(
        ("box", tensor.title),
        lambda: choose_box(
            blocks_of(specimen, tensor),
            _real_shape(tensor.value),
            [_real_shape(z) for z in specimen.outputs if z.dtype.kind in "fc"],
            specimen.focus.index if specimen.focus.name == tensor.name else (),
        ),
    )


def blocks_of(specimen: Specimen, tensor: Tensor) -> Blocks:
    """Return which outputs depend on which elements of a tensor."""
    rng = specimen.case.rng("blocks", tensor.title)
    return specimen.memo(
        ("blocks", tensor.title), lambda: find_blocks(specimen.problem(tensor), rng)
    )


def _real_shape(array: npt.NDArray[Any]) -> tuple[int, ...]:
    return (*array.shape, 2) if np.iscomplexobj(array) else array.shape


def true_of(specimen: Specimen, tensor: Tensor, box: Box) -> tuple[Jacobian, ...] | None:
    """Return `true_jacobians` of a tensor of a specimen, computed once; None if that is dear."""
    blocks = blocks_of(specimen, tensor)
    if blocks.size(box.shape(_real_shape(tensor.value))) > MANY_COLUMNS:
        return None
    rng = specimen.case.rng("jacobian", tensor.title)
    return specimen.memo(
        ("true", tensor.title, box.key),
        lambda: true_jacobians(specimen.problem(tensor), blocks, box, rng),
    )


def claimed_of(specimen: Specimen, box: Box) -> dict[str, tuple[Array, ...]] | None:
    """Return `claimed_jacobians` of a specimen, computed once; None where that is dear."""
    if sum(box.size(_real_shape(z)) for z in specimen.outputs) > MANY_ROWS:
        return None
    return specimen.memo(("claimed", box.key), lambda: claimed_jacobians(specimen, box))


def local_derivative(specimen: Specimen, tensor: Tensor) -> Array | None:
    """Return the derivative of the first output, element by element; None where it mixes them."""
    return specimen.memo(("local", tensor.title), lambda: _local(specimen, tensor))


def _local(specimen: Specimen, tensor: Tensor) -> Array | None:
    first = specimen.outputs[0]
    if first.shape != tensor.value.shape or {first.dtype.kind, tensor.value.dtype.kind} != {"f"}:
        return None
    problem = specimen.problem(tensor)
    rng = specimen.case.rng("local", tensor.title)
    blocks = blocks_of(specimen, tensor)
    if blocks.size(tensor.value.shape) > 1 or blocks.outputs[0] != blocks.tensor:
        return None
    v = one_each(problem, blocks, 0, rng)
    derivatives, _ = directional_derivative(
        problem.along(v), problem.outputs, precision=problem.precision
    )
    with np.errstate(all="ignore"):
        return np.asarray(derivatives[0].value / v)
