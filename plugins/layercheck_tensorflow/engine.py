"""Derivatives by ``tf.GradientTape`` and ``tf.autodiff.ForwardAccumulator``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from layercheck import call_layer

Leaves = tuple[Any, ...]
Call = Callable[[Leaves], tuple[Leaves, Leaves]]


@dataclass(frozen=True)
class Tape:
    """A recorded pass: what its gradients are taken of, and with respect to what."""

    tape: Any
    outputs: Leaves
    leaves: Leaves


class TensorflowEngine:
    """Runs a function of tensors and variables, and differentiates it.

    The function gets the leaves and returns outputs and states. A leaf is a tensor, or a
    variable that the function reads by itself.
    """

    def precision(self, dtype: np.dtype[Any]) -> AbstractContextManager[Any]:
        """Return a context in which the dtype can be used: any."""
        return nullcontext()

    def tensor(self, array: Any) -> Any:
        """Return a tensor with the values of an array."""
        return tf.convert_to_tensor(np.array(array))

    def array(self, tensor: Any) -> np.ndarray:
        """Return the values of a tensor."""
        return np.array(_dense(tensor))

    def is_tensor(self, value: Any) -> bool:
        """Whether a value is a tensor."""
        return isinstance(value, (tf.Tensor, tf.Variable))

    def run(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves]:
        """Run without recording."""
        return call(leaves)

    def record(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves, Tape]:
        """Run and record."""
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(_differentiable(leaves))
            outputs, states = call(leaves)
            outputs = tuple(tf.convert_to_tensor(z) for z in outputs)
        return outputs, states, Tape(tape, outputs, leaves)

    def pull_back(self, tape: Tape, upstream: Leaves) -> list[Any]:
        """Return the gradient of every leaf, None where there is none."""
        found = call_layer("backward()", _gradients, tape, upstream)
        return [None if d is None else self.array(d) for d in found]

    def push_forward(
        self, call: Call, leaves: Leaves, along: Sequence[Any]
    ) -> tuple[Leaves, list[Any]]:
        """Return the outputs and their derivatives along directions."""
        moved = [(leaf, tf.constant(v)) for leaf, v in zip(leaves, along, strict=True) if _moves(v)]
        with tf.autodiff.ForwardAccumulator(
            [a for a, _ in moved], [v for _, v in moved]
        ) as forward:
            outputs, _ = call(leaves)
        found = [forward.jvp(z) for z in outputs]
        return outputs, [None if t is None else self.array(t) for t in found]

    def pull_back_twice(
        self, call: Call, leaves: Leaves, upstream: Leaves, along: Sequence[Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the gradients, and those of their product with directions."""
        upstream = tuple(map(tf.constant, upstream))
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([*_differentiable(leaves), *upstream])
            tape = self.record(call, leaves)[2]
            first = call_layer("backward()", _gradients, tape, upstream)
            pairs = zip(first, along, strict=True)
            terms = [_product(v, _dense(d)) for d, v in pairs if _both(d, v)]
            total = tf.add_n(terms) if terms else None
        if total is None:
            nothing = [None] * len(leaves)
            return [_array(d) for d in first], [np.zeros(d.shape) for d in upstream], nothing
        of_upstream = outer.gradient(total, list(upstream))
        second = call_layer("backward()", _of_total, outer, total, leaves)
        zeros = [
            np.zeros_like(d) if g is None else np.array(g)
            for g, d in zip(of_upstream, upstream, strict=True)
        ]
        return [_array(d) for d in first], zeros, [_array(d) for d in second]


def _product(direction: Any, gradient: Any) -> Any:
    """The derivative along a direction: of a complex gradient, the real part counts."""
    products = tf.math.conj(tf.constant(direction, gradient.dtype)) * gradient
    return tf.reduce_sum(tf.math.real(products))


def _both(gradient: Any, direction: Any) -> bool:
    return gradient is not None and _moves(direction)


def _moves(direction: Any) -> bool:
    return direction is not None and np.asarray(direction).dtype.kind in "fc"


def _differentiable(leaves: Leaves) -> list[Any]:
    return [leaf for leaf in leaves if leaf.dtype.is_floating or leaf.dtype.is_complex]


def _gradients(tape: Tape, upstream: Leaves) -> list[Any]:
    """Take the gradients; those of outputs without any are left out."""
    pairs = [
        (z, tf.cast(d, z.dtype))
        for z, d in zip(tape.outputs, upstream, strict=True)
        if z.dtype.is_floating or z.dtype.is_complex
    ]
    if not pairs:
        return [None] * len(tape.leaves)
    outputs, given = [z for z, _ in pairs], [d for _, d in pairs]
    return list(tape.tape.gradient(outputs, list(tape.leaves), given))


def _of_total(tape: Any, total: Any, leaves: Leaves) -> list[Any]:
    return list(tape.gradient(total, list(leaves)))


def _dense(tensor: Any) -> Any:
    return tf.convert_to_tensor(tensor) if isinstance(tensor, tf.IndexedSlices) else tensor


def _array(tensor: Any) -> Any:
    return None if tensor is None else np.array(_dense(tensor))
