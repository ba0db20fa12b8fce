"""The operators and the plain methods of the rehearsal's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.devices.dispatch import OnDevice, call_method, call_ufunc
from layercheck.devices.refusals import USE_XP, RefusedType

_METHODS = (
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "astype", "choose", "clip"),
    *("compress", "conj", "conjugate", "copy", "cumprod", "cumsum", "diagonal", "dot", "flatten"),
    *("max", "mean", "min", "nonzero", "partition", "prod", "put", "ravel", "repeat", "reshape"),
    *("round", "searchsorted", "sort", "squeeze", "std", "sum", "swapaxes", "take", "trace"),
    *("transpose", "var"),
)
_BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "divmod": np.divmod,
}
_COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def operators() -> dict[str, Callable[..., Any]]:
    """Return every operator under its special name."""
    found: dict[str, Callable[..., Any]] = {}
    for name, ufunc in _BINARY.items():
        found[f"__{name}__"] = _binary(ufunc)
        found[f"__r{name}__"] = _binary(ufunc, swapped=True)
        if name not in ("divmod", "matmul"):
            found[f"__i{name}__"] = _inplace(ufunc)
    found.update({f"__{name}__": _comparison(ufunc) for name, ufunc in _COMPARISONS.items()})
    found.update({f"__{name}__": _unary(ufunc) for name, ufunc in _UNARY.items()})
    return found


def methods() -> dict[str, Callable[..., Any]]:
    """Return the methods that do what NumPy's do."""
    return {name: _method(name) for name in _METHODS}


def _operand(what: str, other: Any) -> bool:
    """Whether an operator takes `other`; lists and tuples are refused at once."""
    if isinstance(other, (list, tuple)):
        raise RefusedType(
            f"{what} got a {type(other).__name__} together with a cupy.ndarray",
            "host-array-on-device",
            USE_XP,
        )
    return isinstance(other, (OnDevice, np.ndarray, np.generic, bool, int, float, complex))


def _binary(ufunc: np.ufunc, *, swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not _operand(f"{ufunc.__name__}()", other):
            return NotImplemented
        pair = (other, self) if swapped else (self, other)
        return call_ufunc(ufunc, "__call__", pair, {})

    return method


def _inplace(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not _operand(f"{ufunc.__name__}()", other):
            return NotImplemented
        return call_ufunc(ufunc, "__call__", (self, other), {"out": (self,)})

    return method


def _comparison(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not _operand(f"{ufunc.__name__}()", other):
            return NotImplemented
        if isinstance(other, np.ndarray) and other.ndim == 0:
            other = other.item()
        return call_ufunc(ufunc, "__call__", (self, other), {})

    return method


def _unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return call_ufunc(ufunc, "__call__", (self,), {})

    return method


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call_method(self, name, args, kwargs)

    method.__name__ = name
    return method
