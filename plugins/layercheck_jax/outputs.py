"""What a pass returns, as a row of arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from layercheck import ReturnError, flatten

Arrays = tuple[Any, ...]


def arrays_of(value: Any) -> Arrays:
    """Return the arrays that a pass returned, in order, out of dicts, tuples and dataclasses.

    Raises
    ------
    ReturnError
        There is none.
    """
    _, leaves = flatten(value, _is_array)
    leaves = leaves or tuple(leaf for leaf in jax.tree.leaves(value) if _is_array(leaf))
    if not leaves:
        what = "None" if value is None else f"an object of type {type(value).__name__}"
        raise ReturnError("forward()", f"returned {what} where an array is expected")
    return tuple(jnp.asarray(leaf) for leaf in leaves)


def _is_array(value: Any) -> bool:
    if isinstance(value, jax.Array):
        return not jnp.issubdtype(value.dtype, jax.dtypes.extended)
    is_number = isinstance(value, (float, int, complex)) and not isinstance(value, bool)
    return is_number or isinstance(value, (np.ndarray, np.generic))


def is_inexact(value: Any) -> bool:
    """Whether an array holds real or complex floating numbers, and so has derivatives."""
    return bool(jnp.issubdtype(jnp.result_type(value), jnp.inexact))
