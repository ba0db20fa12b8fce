"""Where a traced computation leaves a floating dtype for a lower one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck_jax.precision import is_floating


def narrowing(jaxpr: Any, dtype: np.dtype[Any]) -> Iterator[tuple[str, str]]:
    """Yield the primitives that take `dtype` and give a lower floating dtype, and that dtype."""
    for equation in jaxpr.eqns:
        inner = [sub for value in equation.params.values() for sub in _jaxprs(value)]
        for sub in inner:
            yield from narrowing(sub, dtype)
        takes = any(_dtype(v) == dtype for v in equation.invars)
        gives = [_dtype(v) for v in equation.outvars]
        lower = [d for d in gives if _is_lower(d, dtype)]
        if takes and lower and not inner:
            yield equation.primitive.name, str(lower[0])


def _is_lower(found: Any, dtype: np.dtype[Any]) -> bool:
    return found is not None and is_floating(found) and found.itemsize < dtype.itemsize


def _jaxprs(value: Any) -> Iterator[Any]:
    for each in value if isinstance(value, (tuple, list)) else (value,):
        inner = getattr(each, "jaxpr", each)
        if hasattr(inner, "eqns"):
            yield inner


def _dtype(variable: Any) -> Any:
    return getattr(getattr(variable, "aval", None), "dtype", None)
