"""Elements of traced arrays: NumPy's rules for indices, jax's for values."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from layercheck.autodiff.breaks import broken
from layercheck.autodiff.values import is_traced, plain

_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


def prepared(index: Any) -> tuple[Any, bool]:
    """Return an index with arrays for lists, and whether NumPy makes a view of it."""
    items = index if isinstance(index, tuple) else (index,)
    ready = tuple(_prepared(item) for item in items)
    basic = all(isinstance(item, _BASIC) and not isinstance(item, bool) for item in ready)
    return ready, basic


def _prepared(item: Any) -> Any:
    if is_traced(item):
        number = plain(item.value)
        if number is None:
            raise broken("uses a traced value as an index", "Make it an integer: x.astype(int).")
        return number
    return np.asarray(item, dtype=None if len(item) else int) if isinstance(item, list) else item


def has_ellipsis(index: tuple[Any, ...]) -> bool:
    """Whether the index keeps an array without axes an array."""
    return any(item is Ellipsis for item in index)


def taken(array: Any, index: tuple[Any, ...]) -> Any:
    """Return the elements."""
    found = array[index]
    return np.asarray(found) if isinstance(found, np.generic) else found


def written(value: Any, index: tuple[Any, ...], new: Any) -> Any:
    """Return `value` with `new` at an index; of repeated elements the last one counts."""
    targets = np.arange(value.size).reshape(value.shape)[index]
    return put(value, targets, broadcast(jnp.asarray(new), np.shape(targets)))


def put(value: Any, targets: Any, new: Any) -> Any:
    """Return `value` with `new` at flat indices, an array of the shape of `new`."""
    flat, source = np.ravel(targets), jnp.ravel(new).astype(value.dtype)
    kept, last = np.unique(flat[::-1], return_index=True)
    if len(kept) < len(flat):
        flat, source = kept, source[len(flat) - 1 - last]
    return jnp.ravel(value).at[flat].set(source).reshape(value.shape)


def broadcast(value: Any, shape: tuple[int, ...]) -> Any:
    """Return a value as assignments broadcast it: superfluous leading axes of 1 are dropped."""
    value = jnp.asarray(value)
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value[0]
    return value if value.shape == tuple(shape) else jnp.broadcast_to(value, shape)
