"""Calls with device arrays among their arguments: allowed as CuPy allows them, done by NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NoReturn

import numpy as np

from layercheck.devices import table
from layercheck.devices.refusals import (
    RefusedType,
    RefusedValue,
    refuse_argument,
    refuse_host,
    refuse_missing,
)

_KINDS = frozenset("?bhilqBHILQefdFD")
_SCALARS = (bool, int, float, complex, np.generic)
# Functions that move host arrays to the device themselves (their sources call cupy.asarray).
_TAKES_HOST = frozenset(
    {
        *("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "copy"),
        *("einsum", "append", "delete", "average", "diff", "gradient", "ediff1d", "unwrap"),
        *("hstack", "vstack", "dstack", "row_stack", "atleast_1d", "atleast_2d", "atleast_3d"),
        *("compress", "extract", "histogram", "bincount", "quantile", "percentile"),
        *("array_equal", "isin", "in1d", "asnumpy", "get_array_module"),
    }
)
# Functions that do so with their indices and values.
_TAKES_HOST_BUT_FIRST = frozenset(
    {
        *("take", "put", "place", "take_along_axis", "put_along_axis"),
        *("scatter_add", "scatter_max", "scatter_min"),
    }
)
_TAKES_FUNCTION = frozenset({"apply_along_axis", "apply_over_axes", "piecewise", "fromfunction"})
_COMPARISONS = frozenset({"allclose", "array_equal", "array_equiv", "may_share_memory"})
# Methods whose arguments are sizes and axes, never arrays.
_TAKES_SIZES = frozenset({"reshape", "transpose", "swapaxes", "squeeze", "ravel", "flatten"})


class OnDevice:
    """Base of device arrays: a NumPy array that only this package reaches.

    Parameters
    ----------
    held : numpy.ndarray
    """

    __slots__ = ("_held",)

    def __init__(self, held: np.ndarray) -> None:
        self._held = held


_MAKE: list[Callable[[np.ndarray], OnDevice]] = []


def made_by(make: Callable[[np.ndarray], OnDevice]) -> None:
    """Say how device arrays are made."""
    _MAKE[:] = [make]


def on_device(array: Any) -> OnDevice:
    """Return a device array with the memory of a NumPy array."""
    array = np.asarray(array)
    if array.dtype.char not in _KINDS:
        raise RefusedValue(
            f"CuPy has no arrays of dtype {array.dtype}",
            "unsupported-on-device",
            "Use one of bool, integers, float16, float32, float64, complex64, complex128.",
        )
    return _MAKE[0](array)


def wrapped(value: Any) -> Any:
    """Return what NumPy gave as CuPy gives it: arrays and NumPy's scalars on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return on_device(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrapped, value))
    if isinstance(value, (tuple, list)):
        return type(value)(map(wrapped, value))
    return value


def unwrapped(value: Any) -> Any:
    """Return the NumPy arrays of device arrays, in nested lists, tuples and dicts too."""
    if isinstance(value, OnDevice):
        return value._held
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(map(unwrapped, value))
    if isinstance(value, dict):
        return {key: unwrapped(item) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*map(unwrapped, (value.start, value.stop, value.step)))
    return value


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _leaves(value)
        else:
            yield value


def refuse_hosts(what: str, values: Sequence[Any]) -> None:
    """Raise for the first host array with axes."""
    for value in _leaves(values):
        if isinstance(value, np.ndarray) and value.ndim > 0:
            refuse_host(what, value.shape)


def call_function(
    module: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Call a function of NumPy as the function of CuPy of the same name.

    Parameters
    ----------
    module : str
        Where CuPy has it: ``cupy``, ``cupy.linalg``.
    """
    name = function.__name__
    if not table.has(module, name):
        refuse_missing(f"{module.replace('cupy', 'numpy', 1)}.{name}", name)
    _require_known(module, name, kwargs)
    _refuse_hosts_of(name, args, kwargs)
    if name in _TAKES_FUNCTION:
        args = [_on_arrays(a) if callable(a) else a for a in args]
    out = _out_of(kwargs)
    result = function(*map(unwrapped, args), **{k: unwrapped(v) for k, v in kwargs.items()})
    if out is not None:
        return out
    if name in _COMPARISONS:
        return on_device(np.asarray(result))
    return wrapped(result)


def _refuse_hosts_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    if name in _TAKES_HOST_BUT_FIRST:
        refuse_hosts(f"{name}()", args[:1])
    elif name not in _TAKES_HOST:
        refuse_hosts(f"{name}()", [*args, *kwargs.values()])


def _require_known(module: str, name: str, kwargs: Mapping[str, Any]) -> None:
    known = table.parameters(module, name)
    if known is not None:
        for keyword in kwargs:
            if keyword not in known:
                refuse_argument(name, keyword)


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return unwrapped(function(*map(wrapped, args)))

    return call


def _out_of(kwargs: Mapping[str, Any]) -> OnDevice | None:
    out = kwargs.get("out")
    if isinstance(out, tuple):
        if len(out) != 1:
            raise RefusedValue(
                "CuPy's out must be one array", "unsupported-on-device", "Pass one array as out."
            )
        (out,) = out
    return out if isinstance(out, OnDevice) else None


@cache
def _home(ufunc: np.ufunc) -> str | None:
    """The module of CuPy that has a ufunc, None where none has."""
    of_numpy = ufunc is getattr(np, ufunc.__name__, None)
    if table.is_ufunc(ufunc.__name__) or (of_numpy and table.has("cupy", ufunc.__name__)):
        return "cupy"
    if table.has("cupyx.scipy.special", ufunc.__name__):
        return "cupyx.scipy.special"
    return None


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Call a ufunc, or a method of it, with device arrays."""
    name = ufunc.__name__
    if method not in ("__call__", "reduce", "accumulate", "outer"):
        key = "ufunc.at" if method == "at" else method
        refuse_missing(f"numpy.{name}.{method}", key)
    if _home(ufunc) is None:
        refuse_missing(f"ufunc {name}", "frompyfunc")
    what = f"{name}()" if method == "__call__" else f"{name}.{method}()"
    keywords = dict(kwargs)
    if method == "reduce":
        for keyword in ("where", "initial"):
            if keyword in keywords:
                refuse_argument(f"{name}.reduce", keyword)
    operands = list(inputs) if method in ("__call__", "outer") else list(inputs[:1])
    written = keywords.get("out", ())
    written = written if isinstance(written, tuple) else (written,)
    refuse_hosts(what, [*operands, *written, keywords.get("where")])
    for operand in operands:
        _require_operand(what, operand)
    out = _out_of(keywords)
    result = getattr(ufunc, method)(
        *map(unwrapped, inputs), **{k: unwrapped(v) for k, v in keywords.items()}
    )
    return wrapped(result) if out is None else out


def _require_operand(what: str, operand: Any) -> None:
    if isinstance(operand, (OnDevice, np.ndarray, *_SCALARS)):
        return
    _refuse_operand(what, operand)


def _refuse_operand(what: str, operand: Any) -> NoReturn:
    raise RefusedType(
        f"{what} got a {type(operand).__name__} together with a cupy.ndarray; CuPy takes arrays "
        "of the device and numbers",
        "host-array-on-device",
        "Make it an array of the device: xp.asarray(...) with xp = cupy.get_array_module(x).",
    )


def call_method(array: OnDevice, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a method of a device array."""
    _require_known("cupy", name, kwargs)
    if name not in ("take", "put", "compress"):
        refuse_hosts(f"{name}()", [*args, *kwargs.values()])
    if name in _TAKES_SIZES:
        for value in _leaves(args):
            if isinstance(value, OnDevice):
                raise TypeError("'ndarray' object cannot be interpreted as an integer")
    out = _out_of(kwargs)
    method = getattr(array._held, name)
    result = method(*map(unwrapped, args), **{k: unwrapped(v) for k, v in kwargs.items()})
    return wrapped(result) if out is None else out
