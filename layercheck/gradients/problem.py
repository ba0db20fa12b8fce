"""One tensor of a layer at one point: what its gradient is verified with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.precision import Precision, precision_of
from layercheck.gradients.quotients import Array, Values, to_real

_JITTERS = 4
AnyArray = npt.NDArray[Any]
_VANISHING = 2.0**12  # roundings: a smaller gradient is what is left of terms that cancel


@dataclass(frozen=True)
class Problem:
    """A tensor, the outputs that depend on it, and the gradient that backward gave for it.

    Complex tensors, outputs and gradients are held as pairs of reals on a last axis of length 2;
    a complex gradient is dL/dRe + i dL/dIm, so the chain rule is a sum over these reals.

    Parameters
    ----------
    value : array, real
        The tensor.
    gradient : array, real, same shape
        What backward returned for `upstream`.
    outputs, upstream : tuple of arrays, real
        The floating outputs at `value`, and what backward received for them.
    evaluate : callable, array -> tuple of arrays
        The outputs, as reals, for another value of the tensor.
    backward : callable, sequence of arrays -> array
        The tensor's gradient, as reals, for other upstream gradients.
    precision : Precision
    low, high : float
        No value of the tensor leaves this range.
    is_complex : bool
        The tensor is complex.
    masked : tuple of bool arrays
        Elements of the outputs that are left out, their upstream gradients being zero; empty
        where none is.
    """

    value: Values
    gradient: Array
    outputs: tuple[Values, ...]
    upstream: tuple[Array, ...]
    evaluate: Callable[[Values], tuple[Values, ...]]
    backward: Callable[[Sequence[Array]], Array]
    precision: Precision
    low: float = -math.inf
    high: float = math.inf
    is_complex: bool = False
    masked: tuple[npt.NDArray[np.bool_], ...] = ()

    @cached_property
    def scale(self) -> float:
        """A power of two near the spread of the tensor's values (their size where all agree)."""
        value = self.value.astype(np.float64, copy=False)
        if not np.isfinite(value).all():
            return 1.0
        size = float(np.sqrt(np.mean(np.square(value)))) if value.size else 0.0
        spread = float(np.std(value)) if value.size > 1 else 0.0
        chosen = spread if spread > 2.0**-12 * size else size
        return float(2.0 ** round(math.log2(chosen))) if chosen > 0 else 1.0

    @cached_property
    def natural(self) -> float:
        """The size that the sum of upstream times output has by chance."""
        pairs = zip(self.outputs, self.upstream, strict=True)
        flat = ((z.reshape(-1), dz.reshape(-1)) for z, dz in pairs)
        return math.sqrt(sum(float(np.einsum("i,i,i,i->", z, z, dz, dz)) for z, dz in flat))

    def relative(self, error: float) -> float | None:
        """An error of one element in units of the gradient's root mean square.

        None where the gradient is zero up to rounding, as behind a mean that cancels the tensor.
        """
        size = math.sqrt(float(np.mean(np.square(self.gradient)))) if self.gradient.size else 0.0
        whole = size * math.sqrt(self.gradient.size) * self.scale
        return error / size if whole > _VANISHING * self.precision.eps * self.natural else None

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """The root mean square of each output."""
        flat = (z.reshape(-1) for z in self.outputs)
        return tuple(math.sqrt(float(np.einsum("i,i->", z, z)) / max(1, z.size)) for z in flat)

    @cached_property
    def jitter(self) -> tuple[Array, ...]:
        """How far each output moves where all elements of the tensor move by their last bit.

        No element of an output by less than the median: a few stay where they are by accident.
        """
        rng = np.random.default_rng(self.value.size)
        most = [np.zeros(z.shape) for z in self.outputs]
        with np.errstate(all="ignore"):
            bit = np.spacing(np.abs(self.value))
            for _ in range(_JITTERS):
                moved = self.value + np.where(rng.random(bit.shape) < 0.5, -bit, bit)
                found = self.evaluate(np.clip(moved, self.low, self.high))
                for z, there, known in zip(self.outputs, found, most, strict=True):
                    np.fmax(known, np.abs(np.subtract(there, z, dtype=np.float64)), out=known)
        for known in most:
            moved = known[known > 0]
            if moved.size:
                np.maximum(known, np.median(moved), out=known)
        return tuple(most)

    def along(self, v: Values) -> Callable[[float], tuple[Values, ...]]:
        """The outputs as a function of t at value + t v."""
        return lambda t: self.evaluate(self.value + self.value.dtype.type(t) * v)

    def within(self, v: Array) -> Values:
        """Shorten a direction where the largest step would leave the range; in value's dtype."""
        if math.isfinite(self.low) or math.isfinite(self.high):
            room = np.minimum(self.value - self.low, self.high - self.value)
            room = np.maximum(room / self.precision.largest, 0)
            v = np.sign(v) * np.minimum(np.abs(v), room)
        return v.astype(self.value.dtype)

    def without(self, masked: tuple[npt.NDArray[np.bool_], ...]) -> Problem:
        """The same question, some elements of the outputs being left out."""
        pairs = zip(self.upstream, masked, strict=True)
        upstream = tuple(np.where(mask, 0.0, dz) for dz, mask in pairs)
        return replace(self, gradient=self.backward(upstream), upstream=upstream, masked=masked)

    def index(self, position: int) -> tuple[int, ...]:
        """The index in the tensor of an element counted flat among its reals."""
        index = tuple(int(i) for i in np.unravel_index(position, self.value.shape))
        return index[:-1] if self.is_complex else index


def make_problem(
    value: AnyArray,
    gradient: AnyArray,
    outputs: Sequence[AnyArray],
    upstream: Sequence[AnyArray],
    evaluate_at: Callable[[AnyArray], Sequence[AnyArray]],
    backward: Callable[[Sequence[AnyArray]], AnyArray],
    low: float = -math.inf,
    high: float = math.inf,
) -> Problem:
    """Pose the verification of one tensor in real numbers.

    Parameters
    ----------
    value : array, real or complex floating
        The tensor, exact in few bits where possible.
    gradient : array of the same shape
    outputs, upstream : sequences of arrays
        All outputs and their upstream gradients; integer outputs are left out.
    evaluate_at : callable, array -> outputs
        All outputs with the tensor replaced.
    backward : callable, upstream gradients -> gradient of the tensor
    low, high : float, optional
        The range that the tensor's values must not leave.
    """
    floating = [k for k, output in enumerate(outputs) if output.dtype.kind in "fc"]
    is_complex = np.iscomplexobj(value)

    def evaluate(reals: Values) -> tuple[Values, ...]:
        found = evaluate_at(_from_real(reals) if is_complex else reals)
        return tuple(to_real(found[k]) for k in floating)

    def pull_back(reals: Sequence[Array]) -> Array:
        return _reals_like(backward(from_reals(reals, upstream, outputs)), is_complex)

    real_value = to_real(value)
    arrays = [value, gradient, *(outputs[k] for k in floating)]
    dtypes = [to_real(array).dtype for array in arrays]
    return Problem(
        real_value,
        _reals_like(gradient, is_complex),
        tuple(to_real(outputs[k]) for k in floating),
        tuple(to_real(upstream[k]).astype(np.float64, copy=False) for k in floating),
        evaluate,
        pull_back,
        max((precision_of(dtype) for dtype in dtypes), key=lambda p: p.eps),
        low,
        high,
        is_complex,
    )


def from_reals(
    reals: Sequence[Array], upstream: Sequence[AnyArray], outputs: Sequence[AnyArray]
) -> list[AnyArray]:
    """Turn upstream gradients of the floating outputs, as reals, into those of all outputs."""
    full = list(upstream)
    left = iter(reals)
    for k, output in enumerate(outputs):
        if output.dtype.kind in "fc":
            real = next(left)
            back = _from_real(real) if np.iscomplexobj(upstream[k]) else real
            full[k] = back.astype(upstream[k].dtype)
    return full


def _reals_like(gradient: AnyArray, is_complex: bool) -> Array:
    """The gradient as reals; a real one of a complex tensor has no imaginary part."""
    if is_complex and not np.iscomplexobj(gradient):
        gradient = gradient.astype(np.complex128)
    if not is_complex and np.iscomplexobj(gradient):
        gradient = gradient.real
    return to_real(gradient).astype(np.float64, copy=False)


def _from_real(reals: Values) -> AnyArray:
    narrow = np.complex64 if reals.dtype == np.float32 else np.complex128
    return np.ascontiguousarray(reals).view(narrow)[..., 0]
