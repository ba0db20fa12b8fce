"""Keras on JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from layercheck import call_layer

Leaves = tuple[Any, ...]
Call = Callable[[Leaves], tuple[Leaves, Leaves]]


@dataclass(frozen=True)
class Tape:
    """The pull-back of a pass: from gradients of the moving outputs to those of moving leaves."""

    pull: Callable[..., Any]
    leaves: Leaves
    outputs: Leaves


class JaxEngine:
    """Differentiates by ``jax.vjp`` and ``jax.jvp``."""

    def precision(self, dtype: np.dtype[Any]) -> AbstractContextManager[Any]:
        """Return a context in which the dtype can be used; the user's setting stays."""
        return jax.enable_x64(True) if dtype == np.float64 else nullcontext()

    def tensor(self, array: Any) -> Any:
        """Return an array of JAX with the values of an array."""
        return jnp.array(array)

    def array(self, tensor: Any) -> np.ndarray:
        """Return the values of an array of JAX."""
        return np.array(tensor)

    def is_tensor(self, value: Any) -> bool:
        """Whether a value is an array of JAX."""
        return isinstance(value, jax.Array)

    def run(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves]:
        """Run without recording."""
        return call(leaves)

    def record(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves, Tape]:
        """Run and record."""
        found, pull, states = _vjp(call, leaves)
        return found, states, Tape(pull, leaves, found)

    def pull_back(self, tape: Tape, upstream: Leaves) -> list[Any]:
        """Return the gradient of every leaf, None where there is none."""
        found = call_layer("backward()", _pulled, tape, upstream)
        return [None if d is None else self.array(d) for d in found]

    def push_forward(
        self, call: Call, leaves: Leaves, along: Sequence[Any]
    ) -> tuple[Leaves, list[Any]]:
        """Return the outputs and their derivatives along directions."""
        moving = [leaf for leaf in leaves if _moves(leaf)]
        tangents = [
            jnp.zeros_like(leaf) if v is None else jnp.array(v, leaf.dtype)
            for leaf, v in zip(leaves, along, strict=True)
            if _moves(leaf)
        ]
        function = _of_moving(call, leaves)
        outputs, found = jax.jvp(lambda *m: function(*m)[0], tuple(moving), tuple(tangents))
        pairs = zip(outputs, found, strict=True)
        return outputs, [self.array(t) if _moves(z) else None for z, t in pairs]

    def pull_back_twice(
        self, call: Call, leaves: Leaves, upstream: Leaves, along: Sequence[Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the gradients, and those of their product with directions."""
        moving = tuple(leaf for leaf in leaves if _moves(leaf))
        directions = [v for leaf, v in zip(leaves, along, strict=True) if _moves(leaf)]

        def product(given: Leaves, *moved: Any) -> tuple[Any, list[Any]]:
            outputs, pull, _ = _vjp(call, _filled(leaves, moved))
            found = _pulled(Tape(pull, leaves, outputs), given)
            first = [d for d, leaf in zip(found, leaves, strict=True) if _moves(leaf)]
            terms = [
                jnp.sum(d * v)
                for d, v in zip(first, directions, strict=True)
                if v is not None and d is not None
            ]
            return sum(terms, jnp.zeros(())), first

        given = tuple(map(jnp.array, upstream))
        numbers = tuple(range(1 + len(moving)))
        take = jax.grad(product, argnums=numbers, has_aux=True, allow_int=True)
        (of_upstream, *second), first = call_layer("backward()", take, given, *moving)
        arrays = [None if d is None else self.array(d) for d in first]
        return (
            list(_filled(leaves, arrays, None)),
            [self.array(d) for d in of_upstream],
            list(_filled(leaves, list(map(self.array, second)), None)),
        )


def _moves(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jnp.inexact))


def _filled(leaves: Leaves, moving: Sequence[Any], *fixed: Any) -> Leaves:
    """Return the leaves with the moving ones replaced, and the others by `fixed` if it is given."""
    left = iter(moving)
    return tuple(next(left) if _moves(leaf) else (fixed or (leaf,))[0] for leaf in leaves)


def _of_moving(call: Call, leaves: Leaves) -> Callable[..., tuple[Leaves, Leaves]]:
    return lambda *moving: call(_filled(leaves, moving))


def _vjp(call: Call, leaves: Leaves) -> tuple[Leaves, Callable[..., Any], Leaves]:
    moving = tuple(leaf for leaf in leaves if _moves(leaf))
    outputs, pull, states = jax.vjp(_of_moving(call, leaves), *moving, has_aux=True)
    return outputs, pull, states


def _pulled(tape: Tape, upstream: Leaves) -> list[Any]:
    given = tuple(
        jnp.asarray(d, z.dtype) if _moves(z) else np.zeros(z.shape, jax.dtypes.float0)
        for z, d in zip(tape.outputs, upstream, strict=True)
    )
    return list(_filled(tape.leaves, tape.pull(given), None))
