"""The passes of a model: forward, gradient, tangent, and the gradient of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from layercheck_jax.compiling import compiled, on_arrays
from layercheck_jax.model import Model
from layercheck_jax.outputs import Arrays, arrays_of, is_inexact

Arguments = tuple[Arrays, Arrays, Arrays]  # learnables, states, inputs


class Passes:
    """The passes of one model, compiled once for each shape, dtype and mode.

    Complex cotangents of JAX are the conjugates of ours, dL/dRe + i dL/dIm.

    Parameters
    ----------
    model : Model
    is_compiled : bool
        Whether ``jax.jit`` may be used: what it computes is what plain calls compute.
    """

    def __init__(self, model: Model, *, is_compiled: bool) -> None:
        self.model, self.is_compiled = model, is_compiled
        self._known: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def get(self, name: str, mode: str) -> Callable[..., Any]:
        """Return a pass by the name of its method, compiled where that is allowed."""
        if (name, mode) not in self._known:
            function = getattr(self, name)(mode)
            self._known[name, mode] = (compiled if self.is_compiled else on_arrays)(function)
        return self._known[name, mode]

    def forward(self, mode: str) -> Callable[..., tuple[Arrays, Arrays]]:
        """The outputs and the new states."""

        def run(given: Arguments, seed: Any) -> tuple[Arrays, Arrays]:
            learnables, states, inputs = given
            found, new = self.model.apply(learnables, states, inputs, jax.random.key(seed), mode)
            return arrays_of(found), tuple(jnp.asarray(state) for state in new)

        return run

    def gradient(self, mode: str) -> Callable[..., tuple[Arrays, Arrays]]:
        """The gradients of learnables and inputs, None for integers."""

        def run(given: Arguments, seed: Any, upstream: Arrays) -> Any:
            return self.recorded(mode)(given, seed)[1](upstream)

        return run

    def recorded(self, mode: str) -> Callable[..., tuple[Any, Callable[[Arrays], Any]]]:
        """The outputs and states, and what pulls upstream gradients back."""
        forward = self.forward(mode)

        def run(given: Arguments, seed: Any) -> tuple[Any, Callable[[Arrays], Any]]:
            learnables, states, inputs = given
            moving, rebuild = _split((learnables, inputs))

            def outputs_of(moving: Arrays) -> Any:
                learnables, inputs = rebuild(moving)
                found, new = forward((learnables, states, inputs), seed)
                return tuple(z for z in found if is_inexact(z)), (found, new)

            floating, pull, results = jax.vjp(outputs_of, moving, has_aux=True)

            def pull_back(upstream: Arrays) -> Any:
                chosen = [d for d, z in zip(upstream, results[0], strict=True) if is_inexact(z)]
                cotangents = tuple(
                    jnp.conj(jnp.asarray(d)).astype(z.dtype)
                    for d, z in zip(chosen, floating, strict=True)
                )
                (found,) = pull(cotangents)
                return rebuild(tuple(map(jnp.conj, found)), fill=True)

            return results, pull_back

        return run

    def tangent(self, mode: str) -> Callable[..., tuple[Arrays, Arrays]]:
        """The outputs, and their derivatives along directions of learnables and inputs."""
        forward = self.forward(mode)

        def run(given: Arguments, seed: Any, along: tuple[Arrays, Arrays]) -> Any:
            learnables, states, inputs = given
            moving, rebuild = _split((learnables, inputs))
            directions = _directions((learnables, inputs), along)

            def outputs_of(moving: Arrays) -> Arrays:
                learnables, inputs = rebuild(moving)
                return forward((learnables, states, inputs), seed)[0]

            found, tangents = jax.jvp(outputs_of, (moving,), (directions,))
            return found, tuple(
                t if is_inexact(z) else jnp.zeros(z.shape)
                for z, t in zip(found, tangents, strict=True)
            )

        return run

    def second(self, mode: str) -> Callable[..., Any]:
        """The gradients, and the gradients of sum(directions * gradients)."""
        gradient = self.gradient(mode)

        def run(given: Arguments, seed: Any, upstream: Arrays, along: Any) -> Any:
            learnables, states, inputs = given
            moving, rebuild = _split((learnables, inputs, upstream))

            def total(moving: Arrays) -> Any:
                learnables, inputs, upstream = rebuild(moving)
                found = gradient((learnables, states, inputs), seed, upstream)
                return _inner(found, along), found

            second, first = jax.grad(total, has_aux=True)(moving)
            return first, rebuild(tuple(map(jnp.conj, second)), fill=True)

        return run


def _split(groups: tuple[Arrays, ...]) -> tuple[Arrays, Callable[..., Any]]:
    """Return the floating arrays of several rows, and what puts others in their places."""
    moving = tuple(jnp.asarray(x) for group in groups for x in group if is_inexact(x))

    def rebuild(values: Arrays, *, fill: bool = False) -> tuple[Arrays, ...]:
        left = iter(values)
        return tuple(
            tuple(next(left) if is_inexact(x) else (None if fill else x) for x in group)
            for group in groups
        )

    return moving, rebuild


def _directions(groups: tuple[Arrays, ...], along: tuple[Arrays, Arrays]) -> Arrays:
    return tuple(
        jnp.zeros_like(x) if v is None else jnp.asarray(v).astype(jnp.result_type(x))
        for group, directions in zip(groups, along, strict=True)
        for x, v in zip(group, directions, strict=True)
        if is_inexact(x)
    )


def _inner(gradients: tuple[Arrays, Arrays], along: tuple[Arrays, Arrays]) -> Any:
    """The real inner product of gradients with directions."""
    pairs = [
        (g, v)
        for found, directions in zip(gradients, along, strict=True)
        for g, v in zip(found, directions, strict=True)
        if g is not None and v is not None
    ]
    return sum((jnp.sum(jnp.real(jnp.conj(jnp.asarray(v)) * g)) for g, v in pairs), jnp.zeros(()))
