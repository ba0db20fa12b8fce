"""One run of NumPy code, recorded so that it can be pulled back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from layercheck.autodiff.breaks import first_break
from layercheck.autodiff.traced import TracedArray
from layercheck.autodiff.values import as_value, concrete

PullBack = Callable[[Sequence[Any]], tuple[Any, ...]]


def traced(value: Any, like: Any) -> TracedArray:
    """Return a value as the traced array that stands for `like`, an array or a number."""
    if isinstance(like, np.ndarray):
        return TracedArray(value, np.empty_like(like, bool, subok=False))
    return TracedArray(value, scalar=True)


def record(
    function: Callable[..., Sequence[Any]], values: Sequence[Any]
) -> tuple[tuple[Any, ...], PullBack]:
    """Run a function with traced arrays.

    Parameters
    ----------
    function : callable
        Takes one traced array for each value, returns a sequence of arrays.
    values : sequence of arrays
        Real or complex floating, plain or traced by a recording around this one.

    Returns
    -------
    outputs : tuple of arrays
        As NumPy's arrays, or as jax's where a recording around this one traces them.
    pull_back : callable
        Takes one upstream gradient for each output; returns one gradient for each value. Complex
        ones are dL/dRe + i dL/dIm.

    Raises
    ------
    TraceError
        Something took a value out of the trace.
    """
    whole: list[Any] = []

    def run(*given: Any) -> tuple[Any, ...]:
        arrays = [traced(g, value) for g, value in zip(given, values, strict=True)]
        found = [jnp.asarray(as_value(z)) for z in function(*arrays)]
        whole[:] = [None if _is_floating(z) else concrete(z) for z in found]
        return tuple(z for z in found if _is_floating(z))

    with jax.enable_x64(True), first_break():
        floating, pull = jax.vjp(run, *(jnp.asarray(as_value(v)) for v in values))
    rest = iter(floating)
    outputs = tuple(next(rest) if z is None else z for z in whole)

    def pull_back(upstream: Sequence[Any]) -> tuple[Any, ...]:
        with jax.enable_x64(True):
            given = [
                jnp.conj(as_value(u)).astype(z.dtype)
                for z, u, number in zip(outputs, upstream, whole, strict=True)
                if number is None
            ]
            return tuple(jnp.conj(g) for g in pull(tuple(given)))

    return outputs, pull_back


def _is_floating(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, jnp.inexact))


def shown(value: Any) -> Any:
    """Return a result as the caller's code sees it: traced only inside another recording."""
    if isinstance(value, jax.core.Tracer):
        return TracedArray(value, scalar=not value.shape)
    return np.array(concrete(value))[()] if isinstance(value, jax.Array) else value
