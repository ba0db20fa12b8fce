"""Traced arrays as the values of jax that they hold, and values as NumPy has them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from layercheck.autodiff.breaks import broken

_SCALARS = (bool, int, float, complex)


def is_traced(thing: Any) -> bool:
    """Whether something is one of our arrays, whatever it says its class is."""
    return getattr(type(thing), "is_opaque", False) is True


def as_value(thing: Any) -> Any:
    """Return what jax computes with: plain arrays are copied, as they may be overwritten later."""
    if is_traced(thing):
        return thing.value
    if isinstance(thing, jax.Array) or type(thing) in _SCALARS:
        return thing
    return jnp.array(np.asarray(thing))


def plain(value: Any) -> Any:
    """Return a value that has no derivative as NumPy's array; None where it has one."""
    if isinstance(value, jax.core.Tracer) and jnp.issubdtype(value.dtype, jnp.inexact):
        return None
    return concrete(value)


def concrete(value: Any) -> Any:
    """Return the numbers of a value, of which nothing but these is used."""
    while isinstance(value, jax.core.Tracer):
        known = value.to_concrete_value()
        if known is None:
            raise broken("runs inside a function that jax compiles", "Call it without jax.jit.")
        value = known
    return np.asarray(value)


def numbers(thing: Any) -> Any:
    """Return nested arguments with NumPy's arrays in place of traced ones."""
    if is_traced(thing):
        return concrete(thing.value)
    if isinstance(thing, (list, tuple)):
        return type(thing)(map(numbers, thing))
    return thing
