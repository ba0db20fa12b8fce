"""NumPy's functions whose arguments or derivatives are not those of their namesakes in jax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from layercheck.autodiff import carrying
from layercheck.autodiff.breaks import INTO_PLAIN, broken
from layercheck.autodiff.carrying import wrapped
from layercheck.autodiff.values import as_value, is_traced, numbers


def where(condition: Any, *choices: Any) -> Any:
    """np.where."""
    condition = np.asarray(numbers(condition))
    if not choices:
        return np.nonzero(condition)
    return wrapped(jnp.where(condition != 0, *map(as_value, choices)))


def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Any:
    """np.clip."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _root(square: Any) -> Any:
    """The square root of a sum of squares, with the derivative 0 at its kink."""
    is_kink = square == 0
    return jnp.where(is_kink, 0.0, jnp.sqrt(jnp.where(is_kink, 1.0, square)))


def std(a: Any, *args: Any, **kwargs: Any) -> Any:
    """np.std."""
    return wrapped(_root(jnp.var(as_value(a), *args, **kwargs)))


def nanstd(a: Any, *args: Any, **kwargs: Any) -> Any:
    """np.nanstd."""
    return wrapped(_root(jnp.nanvar(as_value(a), *args, **kwargs)))


def linalg_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm."""
    value = as_value(x)
    is_vector = isinstance(axis, (int, np.integer)) or (axis is None and value.ndim == 1)
    if ord is None or (ord == 2 and is_vector) or ord == "fro":
        square = jnp.sum(jnp.real(value * jnp.conj(value)), axis=axis, keepdims=keepdims)
        return wrapped(_root(square))
    return wrapped(jnp.linalg.norm(value, ord=ord, axis=axis, keepdims=keepdims))


def linalg_vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """np.linalg.vector_norm."""
    if ord != 2:
        value = as_value(x)
        return wrapped(jnp.linalg.vector_norm(value, axis=axis, keepdims=keepdims, ord=ord))
    return linalg_norm(x, None, axis, keepdims)


# elements in another order: which, is a question of numbers


def _ordered(a: Any, axis: Any, order: Callable[[Any, int], Any]) -> Any:
    if axis is None:
        a, axis = a.ravel(), -1
    return take_along_axis(a, order(numbers(a), axis), axis)


def sort(a: Any, axis: Any = -1, **kwargs: Any) -> Any:
    """np.sort."""
    return _ordered(a, axis, lambda n, at: np.argsort(n, axis=at, kind="stable"))


def partition(a: Any, kth: Any, axis: Any = -1, **kwargs: Any) -> Any:
    """np.partition."""
    return _ordered(a, axis, lambda n, at: np.argpartition(n, kth, axis=at))


def unique(ar: Any, *args: Any, **kwargs: Any) -> Any:
    """np.unique, without an axis."""
    if args or kwargs.get("axis") is not None:
        raise broken("calls np.unique along an axis, which is not traced", "Use np.sort.")
    rest = {key: value for key, value in kwargs.items() if key != "return_index"}
    found = np.unique(numbers(ar), return_index=True, **rest)
    values = ar.ravel()[found[1]]
    shown = found[1:] if kwargs.get("return_index") else found[2:]
    return (values, *shown) if shown else values


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """np.take_along_axis."""
    if axis is None:
        return arr.ravel()[indices]
    indices = np.asarray(numbers(indices))
    ids = np.take_along_axis(_numbered(arr), indices, axis)
    return arr.ravel()[ids]


def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    """np.take."""
    if mode != "raise":
        raise broken(f"calls np.take with mode={mode!r}, which is not traced", "Index with [ ].")
    if not is_traced(a):
        raise broken("takes elements at traced places", "Make the indices integers.")
    indices = np.asarray(numbers(indices))
    if axis is None:
        return a.ravel()[indices]
    return a[(*(slice(None),) * (axis % a.ndim), indices)]


def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **kwargs: Any) -> Any:
    """np.lib.stride_tricks.sliding_window_view, as a copy."""
    windows = np.lib.stride_tricks.sliding_window_view(_numbered(x), window_shape, axis)
    return x.ravel()[np.array(windows)]


def _numbered(array: Any) -> np.ndarray:
    return np.arange(array.size).reshape(array.shape)


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """np.apply_along_axis."""
    rows = np.moveaxis(arr, axis, -1)
    lead = rows.shape[:-1]
    found = [func1d(rows[at], *args, **kwargs) for at in np.ndindex(*lead)]
    stacked = np.stack(found).reshape(*lead, *np.shape(found[0]))
    return stacked if np.ndim(found[0]) == 0 else np.moveaxis(stacked, -1, axis)


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """np.bincount."""
    if weights is None:
        return np.bincount(numbers(x), minlength=minlength)
    places = np.asarray(numbers(x))
    length = max(int(places.max(initial=-1)) + 1, minlength)
    weights = as_value(weights)
    return wrapped(jnp.zeros(length, weights.dtype).at[places].add(weights))


# new arrays, and arrays that are overwritten


def copy(a: Any, *args: Any, **kwargs: Any) -> Any:
    """np.copy."""
    return a.copy()


def _like(value: Any) -> Callable[..., Any]:
    def make(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None):  # type: ignore[no-untyped-def]
        return _filled(np.shape(a) if shape is None else shape, value, dtype or a.dtype)

    return make


def _filled(shape: Any, value: Any, dtype: Any) -> Any:
    kind = np.dtype(float if dtype is None else dtype)
    if kind.kind not in "fc":
        return np.full(shape, value, kind)
    return wrapped(jnp.full(shape, as_value(value), kind), array=True)


zeros_like, empty_like, ones_like = _like(0), _like(0), _like(1)


def full_like(a: Any, fill_value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    """np.full_like."""
    shape = kwargs.get("shape")
    kind = dtype or (a.dtype if is_traced(a) else np.asarray(a).dtype)
    return _filled(np.shape(a) if shape is None else shape, fill_value, kind)


def zeros(shape: Any, dtype: Any = None, order: str = "C") -> Any:
    """np.zeros, with ``like=``."""
    return _filled(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None, order: str = "C") -> Any:
    """np.ones, with ``like=``."""
    return _filled(shape, 1, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> Any:
    """np.full, with ``like=``."""
    return _filled(shape, fill_value, dtype or getattr(fill_value, "dtype", None))


def array(object: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """np.array, with ``like=``."""
    found = wrapped(_stacked(object), array=True)
    return found if dtype is None or not is_traced(found) else carrying.cast(found, np.dtype(dtype))


empty, asarray, asanyarray, ascontiguousarray = zeros, array, array, array


def _stacked(thing: Any) -> Any:
    if isinstance(thing, (list, tuple)):
        return jnp.stack([jnp.asarray(_stacked(item)) for item in thing])
    return jnp.asarray(as_value(thing))


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """np.copyto."""
    if not is_traced(dst):
        raise broken(*INTO_PLAIN)
    dst.assign(jnp.where(np.asarray(numbers(where)), as_value(src), dst.value))


def putmask(a: Any, mask: Any, values: Any) -> None:
    """np.putmask, with values that broadcast."""
    copyto(a, values, where=mask)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal, of a matrix."""
    if not is_traced(a):
        raise broken(*INTO_PLAIN)
    if a.ndim != 2 or wrap:
        raise broken("fills another diagonal than a matrix's", "Write x[i, i] = value.")
    both = np.arange(min(a.shape))
    a[both, both] = val


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """np.put_along_axis."""
    if not is_traced(arr):
        raise broken(*INTO_PLAIN)
    ids = np.take_along_axis(_numbered(arr), np.asarray(numbers(indices)), axis)
    places = np.unravel_index(ids, arr.shape)
    arr[places] = values
