"""Why a gradient has another shape than its array, where the two shapes tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layercheck.outcome import Cause
from layercheck.subject import Evaluation
from layercheck.suites.evidence import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ShapeCause:
    """A cause, and what to do about it."""

    cause: Cause
    fix: str


def cause_of_shape(tensor: Tensor, evaluation: Evaluation) -> ShapeCause | None:
    """Return why the gradient of `tensor` has its shape; None where the shapes do not tell."""
    value, gradient = np.shape(tensor.value), np.shape(tensor.gradient)
    seen = [np.shape(a) for a in (*evaluation.outputs, *evaluation.done.inputs)]
    return (
        _unreduced(tensor, value, gradient, seen)
        or _lost_axes(tensor, value, gradient)
        or _transposed(tensor, value, gradient)
        or _reduced_too_far(tensor, value, gradient)
        or _wrong_axes(tensor, value, gradient, seen)
    )


def _unreduced(
    tensor: Tensor, value: Shape, gradient: Shape, seen: Sequence[Shape]
) -> ShapeCause | None:
    """The array was broadcast to the shape of an output or input, and not summed back."""
    axes = broadcast_axes(value, gradient)
    if gradient not in seen or not axes:
        return None
    listed = axes[0] if len(axes) == 1 else axes
    keep = ", keepdims=True" if len(value) == len(gradient) else ""
    text = (
        f"{gradient} is the shape to which {tensor.name} {value} was broadcast: the gradient is "
        f"not summed over axis {listed}."
    )
    evidence = {"broadcast": gradient, "shape": value, "axes": axes}
    return ShapeCause(
        Cause("missing-broadcast-reduction", text, evidence),
        f"Sum it over that: .sum(axis={listed}{keep}).",
    )


def broadcast_axes(value: Shape, gradient: Shape) -> tuple[int, ...]:
    """Return the axes along which an array of shape `value` is repeated in `gradient`.

    None where it does not broadcast to that shape.
    """
    lead = len(gradient) - len(value)
    if lead < 0:
        return ()
    aligned = (1,) * lead + value
    if any(a not in (1, n) for a, n in zip(aligned, gradient, strict=True)):
        return ()
    repeated = [a == 1 != n for a, n in zip(aligned, gradient, strict=True)]
    return tuple(axis for axis, yes in enumerate(repeated) if yes or axis < lead)


def _lost_axes(tensor: Tensor, value: Shape, gradient: Shape) -> ShapeCause | None:
    if _longer(value) != _longer(gradient):
        return None
    less = len(gradient) < len(value)
    text = (
        f"{gradient} has the elements of {tensor.name} {value} "
        f"{'without' if less else 'with other'} axes of size 1."
    )
    return ShapeCause(
        Cause("lost-axes", text, {"gradient": gradient, "shape": value}),
        f"Keep the axes (keepdims=True), or reshape it to {value}.",
    )


def _longer(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def _transposed(tensor: Tensor, value: Shape, gradient: Shape) -> ShapeCause | None:
    if gradient != value[::-1]:
        return None
    text = f"{gradient} is the reversed shape of {tensor.name} {value}."
    return ShapeCause(
        Cause("transposed", text, {"gradient": gradient, "shape": value}),
        "Transpose it, or exchange the factors of the product.",
    )


def _wrong_axes(
    tensor: Tensor, value: Shape, gradient: Shape, seen: Sequence[Shape]
) -> ShapeCause | None:
    """Both shapes broadcast to that of an output or input, along other axes."""
    for shape in seen:
        should, did = broadcast_axes(value, shape), broadcast_axes(gradient, shape)
        if should and did and len(shape) == len(value) == len(gradient):
            text = (
                f"The gradient is summed over the axes {did} of {shape}, and {tensor.name} "
                f"{value} was broadcast along {should}."
            )
            evidence = {"summed": did, "broadcast": should, "shape": shape}
            return ShapeCause(
                Cause("wrong-axis", text, evidence), f"Sum it over the axes {should}."
            )
    return None


def _reduced_too_far(tensor: Tensor, value: Shape, gradient: Shape) -> ShapeCause | None:
    """Fewer elements than the array, and what is left broadcasts to it."""
    if np.prod(gradient) >= np.prod(value):
        return None
    axes = broadcast_axes(gradient, value)
    if not axes:
        return None
    what = "a single number" if np.prod(gradient) == 1 else f"of shape {gradient}"
    text = (
        f"The gradient is {what}: it is summed over axis "
        f"{', '.join(map(str, axes))} of {tensor.name} {value}, too."
    )
    return ShapeCause(
        Cause("reduced-too-far", text, {"gradient": gradient, "shape": value, "axes": axes}),
        f"Sum only over the axes along which {tensor.name} was broadcast.",
    )
