"""NumPy's calls, carried out by jax.numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from layercheck.autodiff.breaks import INTO_PLAIN, broken
from layercheck.autodiff.values import concrete, is_traced, numbers
from layercheck.errors import TraceError


def make(value: Any, strided: Any = None, *, scalar: bool = False) -> Any:
    """Return a traced array."""
    from layercheck.autodiff.traced import TracedArray

    return TracedArray(value, strided, scalar)


def wrapped(value: Any, strided: Any = None, array: bool = False) -> Any:
    """Return what a NumPy function returns: traced arrays, and plain ones where values are whole.

    Parameters
    ----------
    array : bool
        One without axes is an array and no scalar.
    """
    if isinstance(value, (list, tuple)):
        return (
            type(value)(*map(wrapped, value))
            if hasattr(value, "_fields")
            else (type(value)(map(wrapped, value)))
        )
    if not isinstance(value, jax.Array):
        return value
    if jnp.issubdtype(value.dtype, jnp.inexact):
        return make(value, strided, scalar=not value.shape and not array)
    return np.array(concrete(value)) if array else np.array(concrete(value))[()]


def ufunc(called: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry out a universal function or one of its methods."""
    from layercheck.autodiff import ufuncs

    out = kwargs.pop("out", None)
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if out is not None and not is_traced(out):
        raise broken(*INTO_PLAIN)
    result = _attempt(
        called.__name__,
        lambda: ufuncs.carry(called, method, inputs, kwargs, out),
        lambda: getattr(called, method)(*numbers(inputs), **kwargs),
    )
    if out is None:
        return result
    out.assign(result)
    return out


def function(called: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry out a function of NumPy's."""
    from layercheck.autodiff import functions

    out = kwargs.pop("out", None)
    if out is not None and not is_traced(out):
        raise broken(*INTO_PLAIN)
    name = functions.name_of(called)
    result = _attempt(
        name,
        lambda: functions.carry(name, called, args, kwargs),
        lambda: called(*numbers(args), **kwargs),
    )
    if out is None:
        return result
    out.assign(result)
    return out


def cast(array: Any, dtype: np.dtype[Any]) -> Any:
    """Return a traced array in another dtype; one of integers is a plain array."""
    if dtype.kind not in "fc":
        return np.asarray(concrete(array.value)).astype(dtype)
    value = array.value
    if dtype.kind == "f" and array.dtype.kind == "c":
        value = value.real
    return make(value.astype(dtype), np.empty_like(array.strided), scalar=array.scalar)


def _attempt(name: str, compute: Callable[[], Any], plainly: Callable[[], Any]) -> Any:
    """Return what `compute` does; what jax refuses breaks the trace.

    What NumPy refuses as well raises what NumPy raises: it is a mistake of the user's.
    """
    try:
        return compute()
    except (TraceError, MemoryError, RecursionError):
        raise
    except Exception as error:
        plainly()
        said = str(error).strip().partition("\n")[0]
        raise broken(
            f"calls np.{name}, which jax.numpy cannot carry out here ({type(error).__name__}: "
            f"{said[:200]})",
            "Write it with other functions.",
        ) from error
