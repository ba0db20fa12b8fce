"""One direction compared: what backward and the differences say about each block of a tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan, directional_derivative
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Derivative, Values

# The bounds of the outputs add up like random numbers, since the upstream gradient has random
# signs that are independent of them: six root sums of squares are exceeded with probability
# 3e-8 (Hoeffding). A few outputs may all lie at their bounds: twice the root sum of the squares
# of four numbers is at least their sum.
_MANY, _FEW, _FEW_OUTPUTS = 6.0, 2.0, 4
_ROUNDING = 16.0  # rounding of the sums and of backward itself, in units of eps
_IMMATERIAL = 2.0**-36  # a relative error of 1.5e-11: a constant written with ten digits


class Cover(Protocol):
    """Blocks of a tensor, and the outputs that belong to each."""

    def lengths(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """How many blocks there are along each axis."""

    def sum_tensor(self, *factors: Array) -> Array:
        """Sum a product over each block of the tensor."""

    def sum_output(self, k: int, *factors: Array) -> Array:
        """Sum a product over what belongs to each block in output `k`."""

    def strays(self, k: int, value: Array, bound: Array) -> bool:
        """Whether anything moves in output `k` that belongs to no block."""


@dataclass(frozen=True)
class Residuals:
    """Analytic and numeric directional derivatives of every block, and their tolerance.

    Parameters
    ----------
    analytic, numeric, tolerance : arrays with one element a block
    flagged : tuple of bool arrays, one an output
        Outputs that were left out because they lie on a kink.
    plan : Plan
    steps : tuple of float, one an output
        At which most of its elements were differentiated.
    stray : bool
        Outputs move that belong to no block: the structure is wrong.
    """

    analytic: Array
    numeric: Array
    tolerance: Array
    flagged: tuple[npt.NDArray[np.bool_], ...]
    plan: Plan
    steps: tuple[float, ...]
    stray: bool = False

    @cached_property
    def error(self) -> Array:
        """|analytic - numeric|; infinite where either is not a number."""
        error: Array = np.asarray(self.analytic - self.numeric)
        np.abs(error, out=error)
        unknown = np.isnan(error)
        return np.where(unknown, np.inf, error) if unknown.any() else error

    @cached_property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Where the two differ by more than the tolerance."""
        return np.asarray(~(self.error <= self.tolerance))


def compare(
    problem: Problem,
    blocks: Cover,
    v: Values,
    plan: Plan | None = None,
) -> Residuals:
    """Differentiate along `v` and compare with the gradient, block by block."""
    found, plan = directional_derivative(
        problem.along(v), problem.outputs, precision=problem.precision, plan=plan
    )
    derivatives = list(found)
    del found
    gradient, upstream = _without_kinks(problem, derivatives)
    stray = any(blocks.strays(k, d.value, d.bound) for k, d in enumerate(derivatives))
    flagged = tuple(derivative.flagged for derivative in derivatives)
    steps = tuple(derivative.step for derivative in derivatives)
    with np.errstate(all="ignore"):
        numeric, tolerance = _numeric(problem, blocks, derivatives, upstream, plan)
        product = gradient * v
        analytic = blocks.sum_tensor(product)
        size = np.sqrt(blocks.sum_tensor(product, product))
        size *= _ROUNDING * plan.precision.eps + _IMMATERIAL
        tolerance += size
    if problem.masked:
        flagged = tuple(np.logical_or(*pair) for pair in zip(flagged, problem.masked, strict=True))
    return Residuals(analytic, numeric, tolerance, flagged, plan, steps, stray)


def noise(problem: Problem, v: Values, steps: Sequence[float]) -> float:
    """Bound what rounding inside the layer does to the differences along `v`.

    What the layer computes on the way may be far larger than its outputs, and so its rounding. A
    careful computation is as far off as its exact result is for inputs that differ by a last bit.
    """
    total = 0.0
    with np.errstate(all="ignore"):
        far = problem.evaluate(problem.value + v)
        for z, there, jitter, dz, step in zip(
            problem.outputs, far, problem.jitter, problem.upstream, steps, strict=True
        ):
            felt = np.where(there != z, dz * jitter / step, 0.0)
            total += float(np.sum(np.square(felt)))
    return _ROUNDING * math.sqrt(total)


def _without_kinks(
    problem: Problem, derivatives: Sequence[Derivative]
) -> tuple[Array, tuple[Array, ...]]:
    """Leave flagged outputs out of the upstream gradient: exact, since backward is linear."""
    if not any(derivative.flagged.any() for derivative in derivatives):
        return problem.gradient, problem.upstream
    upstream = tuple(
        np.where(derivative.flagged, 0.0, dz)
        for derivative, dz in zip(derivatives, problem.upstream, strict=True)
    )
    return problem.backward(upstream), upstream


def _numeric(
    problem: Problem,
    blocks: Cover,
    derivatives: list[Derivative],
    upstream: tuple[Array, ...],
    plan: Plan,
) -> tuple[Array, Array]:
    """Sum upstream times derivative over each block; uses the derivatives up."""
    shape = blocks.lengths(problem.value.shape)
    numeric: Array | None = None
    squares: Array | None = None
    bounds: Array | None = None
    outputs = 0
    for k, dz in enumerate(upstream):
        derivative = derivatives.pop(0)
        if derivative.flagged.any():
            derivative.bound[derivative.flagged] = 0.0
        bound = np.multiply(derivative.bound, dz, out=derivative.bound)
        bounds = _plus(bounds, blocks.sum_output(k, bound, bound), shape)
        terms = np.multiply(derivative.value, dz, out=derivative.value)
        del derivative, bound
        numeric = _plus(numeric, blocks.sum_output(k, terms), shape)
        squares = _plus(squares, blocks.sum_output(k, terms, terms), shape)
        outputs += terms.size
    if numeric is None or squares is None or bounds is None:
        return np.zeros(shape), np.zeros(shape)
    per_block = max(1, outputs // max(1, numeric.size))
    typical = math.sqrt(float(squares.sum()) / max(1, outputs))
    factor = _FEW if per_block <= _FEW_OUTPUTS else _MANY
    rounding = np.sqrt(squares, out=squares)
    rounding += typical * math.sqrt(per_block)
    rounding *= _ROUNDING * plan.precision.eps
    tolerance = np.sqrt(bounds, out=bounds)
    tolerance *= factor
    tolerance += rounding
    return numeric, tolerance


def _plus(total: Array | None, part: Array, shape: tuple[int, ...]) -> Array:
    """Add what one output contributes; one number counts for every block."""
    if total is not None:
        return np.asarray(total + part)
    return part if part.shape == shape else np.array(np.broadcast_to(part, shape))
