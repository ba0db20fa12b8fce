"""Full Jacobians at a small layout: the true one by differences, the claimed one by backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan, directional_derivative
from layercheck.gradients.directions import one_each, placed
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Derivative, Values
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.gradients.structure import Blocks, find_blocks

TOO_MANY_COLUMNS = 800
TOO_MANY_ROWS = 1500
TOO_MANY_ENTRIES = 800_000


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


def true_jacobians(problem: Problem, rng: np.random.Generator) -> tuple[Jacobian, ...] | None:
    """Differentiate every output in every element; None where that takes too long."""
    entries = problem.value.size * sum(output.size for output in problem.outputs)
    if entries > TOO_MANY_ENTRIES:
        return None
    blocks = find_blocks(problem, rng)
    shape = problem.value.shape
    if blocks.size(shape) > TOO_MANY_COLUMNS:
        return None
    found = [
        Jacobian(np.zeros((*z.shape, *shape)), np.zeros((*z.shape, *shape)), z.ndim)
        for z in problem.outputs
    ]
    plan: Plan | None = None
    for position in range(blocks.size(shape)):
        v = one_each(problem, blocks, position, rng)
        derivatives, plan = directional_derivative(
            problem.along(v), problem.outputs, precision=problem.precision, plan=plan
        )
        for k, derivative in enumerate(derivatives):
            _enter(found[k], blocks, k, v[placed(blocks, shape, position)], position, derivative)
    return tuple(found)


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


def claimed_jacobians(specimen: Specimen) -> dict[str, tuple[Array, ...]] | None:
    """Return what backward says of every output element, for all tensors at once.

    Returns
    -------
    dict, title of a tensor -> one array an output, as `true_jacobians` has them
        None where there are too many outputs.
    """
    rows = [z.size * (1 + np.iscomplexobj(z)) for z in specimen.outputs]
    if sum(rows) > TOO_MANY_ROWS:
        return None
    problems = {tensor.title: specimen.problem(tensor) for tensor in specimen.tensors}
    found: dict[str, list[Array]] = {title: [] for title in problems}
    if not problems:
        return {}
    zero = [np.zeros_like(d) for d in specimen.upstream()]
    for k, output in enumerate(specimen.outputs):
        if output.dtype.kind not in "fc":
            continue
        parts = (1.0, 1j) if np.iscomplexobj(output) else (1.0,)
        table: dict[str, list[Array]] = {title: [] for title in problems}
        for flat in range(output.size):
            for part in parts:
                upstream = list(zero)
                upstream[k] = np.zeros_like(zero[k])
                upstream[k].reshape(-1)[flat] = part
                gradients = specimen.pull_back(upstream)
                for tensor in specimen.tensors:
                    table[tensor.title].append(_reals(gradients[tensor.title], tensor))
        shape = (*output.shape, 2) if len(parts) == 2 else output.shape
        for title, lines in table.items():
            found[title].append(np.stack(lines).reshape(*shape, *problems[title].value.shape))
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


def true_of(specimen: Specimen, tensor: Tensor) -> tuple[Jacobian, ...] | None:
    """Return `true_jacobians` of a tensor of a specimen, computed once."""
    rng = specimen.case.rng("jacobian", tensor.title)
    return specimen.memo(
        ("true", tensor.title), lambda: true_jacobians(specimen.problem(tensor), rng)
    )


def claimed_of(specimen: Specimen) -> dict[str, tuple[Array, ...]] | None:
    """Return `claimed_jacobians` of a specimen, computed once."""
    return specimen.memo("claimed", lambda: claimed_jacobians(specimen))


def local_derivative(specimen: Specimen, tensor: Tensor) -> Array | None:
    """Return the derivative of the first output, element by element; None where it mixes them."""
    return specimen.memo(("local", tensor.title), lambda: _local(specimen, tensor))


def _local(specimen: Specimen, tensor: Tensor) -> Array | None:
    first = specimen.outputs[0]
    if first.shape != tensor.value.shape or {first.dtype.kind, tensor.value.dtype.kind} != {"f"}:
        return None
    problem = specimen.problem(tensor)
    rng = specimen.case.rng("local", tensor.title)
    blocks = find_blocks(problem, rng)
    if blocks.size(tensor.value.shape) > 1 or blocks.outputs[0] != blocks.tensor:
        return None
    v = one_each(problem, blocks, 0, rng)
    derivatives, _ = directional_derivative(
        problem.along(v), problem.outputs, precision=problem.precision
    )
    with np.errstate(all="ignore"):
        return np.asarray(derivatives[0].value / v)
