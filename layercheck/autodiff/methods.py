"""The methods and operators of NumPy's arrays, for arrays that are traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from layercheck.autodiff import carrying
from layercheck.autodiff.breaks import broken

ALIKE = (
    *("sum", "mean", "prod", "max", "min", "std", "var", "cumsum", "cumprod", "argmax", "argmin"),
    *("argsort", "dot", "repeat", "round", "take", "trace", "searchsorted", "nonzero", "any"),
    *("all", "clip", "compress", "choose"),
)
VIEWS = ("diagonal", "squeeze", "swapaxes")
_FILL = "Write x[...] = value, or build a new array with np.where."


class ArrayMethods(NDArrayOperatorsMixin):
    """What is the same for a traced array as for NumPy's, but for who computes it."""

    value: Any
    dtype: Any
    ndim: Any
    seen_through: Callable[[Callable[[Any], Any]], Any]
    assign: Callable[[Any], None]
    _scalar: bool

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Any:
        """Return the values in another shape."""
        to = shape[0] if len(shape) == 1 else shape
        shown = self.seen_through(lambda a: a.reshape(to, order=order))
        return shown.copy() if copy else shown

    def ravel(self, order: str = "C") -> Any:
        """Return the values along one axis."""
        return self.seen_through(lambda a: a.reshape(-1, order=order))

    def flatten(self, order: str = "C") -> Any:
        """Return a copy of the values along one axis."""
        return self.ravel(order).copy()

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes in another order."""
        order = axes[0] if len(axes) == 1 else axes or None
        order = None if order is None else tuple(int(axis) for axis in order)
        return self.seen_through(lambda a: a.transpose(order))

    def copy(self, order: str = "C") -> Any:
        """Return a copy."""
        return carrying.make(self.value)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the values in another dtype; integers have no derivative."""
        return carrying.cast(self, np.dtype(dtype))

    def conj(self) -> Any:
        """Return the complex conjugate."""
        return carrying.ufunc(np.conjugate, "__call__", (self,), {})

    conjugate = conj

    def view(self, dtype: Any = None, type: Any = None) -> Any:
        """Return a view of the same dtype."""
        if dtype is None or dtype is np.ndarray or np.dtype(dtype) == self.dtype:
            return self.seen_through(lambda a: a.reshape(a.shape)) if self.ndim else self
        raise broken("views a traced array in another dtype", "Use x.astype(dtype).")

    def fill(self, value: Any) -> None:
        """Overwrite all values."""
        self.assign(value)

    def sort(self, axis: int = -1, **kwargs: Any) -> None:
        """Sort in place."""
        self.assign(carrying.function(np.sort, (self, axis), {}))

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Refuse: NumPy's rules for repeated indices are not followed."""
        raise broken("uses .put on a traced array", _FILL)


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: ArrayMethods, *args: Any, **kwargs: Any) -> Any:
        return carrying.function(function, (self, *args), kwargs)

    method.__name__ = name
    return method


for _name in (*ALIKE, *VIEWS):
    setattr(ArrayMethods, _name, _method(_name))

_INPLACE = {
    "__iadd__": np.add,
    "__isub__": np.subtract,
    "__imul__": np.multiply,
    "__itruediv__": np.true_divide,
    "__ipow__": np.power,
    "__imatmul__": np.matmul,
    "__ifloordiv__": np.floor_divide,
    "__imod__": np.remainder,
}


def _operator(ufunc: np.ufunc) -> Callable[..., Any]:
    def operator(self: ArrayMethods, other: Any) -> Any:
        if self._scalar:
            return ufunc(self, other)
        return ufunc(self, other, out=(self,))

    return operator


for _name, _ufunc in _INPLACE.items():
    setattr(ArrayMethods, _name, _operator(_ufunc))
