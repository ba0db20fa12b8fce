"""An array whose NumPy calls are carried out by jax.numpy, so that they are differentiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from layercheck.autodiff import carrying, indexing
from layercheck.autodiff.breaks import broken, taken_out
from layercheck.autodiff.methods import ArrayMethods
from layercheck.autodiff.values import as_value, concrete, plain

Read = Callable[[Any], Any]
_EXP = "Use the NumPy function, such as np.exp(x), or keep it an array."


class TracedArray(ArrayMethods):
    """A NumPy array for the code that it runs through; its values are jax's.

    It owns its values, or is a view of another one, as NumPy's are: what is written through
    either is seen by both. Whether NumPy would make a view is asked of an array without values
    that has the same strides.

    Parameters
    ----------
    value : jax array
    strided : array of bool, optional
        An array of the same shape, with the order that NumPy's would have.
    scalar : bool
        NumPy would return a scalar, which in-place operators replace and do not change.
    """

    is_opaque = True  # not looked into by what walks over the objects of a layer
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, strided: Any = None, scalar: bool = False) -> None:
        self._value = value
        self._writes = 0
        self._strided = np.empty(value.shape, bool) if strided is None else strided
        self._scalar = scalar
        self._parent: TracedArray | None = None
        self._read: Read = as_value
        self._seen = -1

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance(x, np.ndarray) is how layers tell arrays
        return np.ndarray

    # values, and views of them

    @property
    def value(self) -> Any:
        """The values now: of a view, those of what it shows."""
        if self._parent is not None and self._seen != self._count():
            self._value = self._read(self._parent.value)
            self._seen = self._count()
        return self._value

    @property
    def strided(self) -> Any:
        """An array of the same shape and order, without values."""
        return self._strided

    @property
    def scalar(self) -> bool:
        """Whether NumPy would have a scalar here."""
        return self._scalar

    def _count(self) -> int:
        return self._writes if self._parent is None else self._parent._count()

    def assign(self, value: Any) -> None:
        """Overwrite all values, as ``x[...] = value`` does."""
        value = indexing.broadcast(as_value(value), self.shape).astype(self.dtype)
        if self._parent is None:
            self._value = value
            self._writes += 1
            return
        size = self._parent._strided.size
        numbers = self._read(np.arange(size).reshape(self._parent.shape))
        self._parent.assign(indexing.put(self._parent.value, numbers, value))

    def seen_through(self, read: Read) -> TracedArray:
        """Return what `read`, which only rearranges, makes of this: a view where NumPy's is."""
        strided = read(self._strided)
        shown = TracedArray(read(self.value), strided)
        if np.may_share_memory(strided, self._strided):
            shown._parent, shown._read, shown._seen = self, read, self._count()
        return shown

    # what NumPy asks of an array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return carrying.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return carrying.function(func, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        value = plain(self.value)
        if value is None:
            raise taken_out(
                "np.asarray or np.array",
                "Use it as it is, np.stack for several of them, or np.array(x, like=x).",
            )
        return np.array(value, dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        raise broken(f"uses the array's .{name}, which is not traced", "Use a NumPy function.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        found: tuple[int, ...] = self._strided.shape
        return found

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise broken("sets the shape of a traced array", "Write x = x.reshape(shape).")

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype."""
        found: np.dtype[Any] = np.dtype(self._value.dtype)
        return found

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self._strided.size)

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all."""
        return self.itemsize * self.size

    @property
    def base(self) -> Any:
        """What this is a view of."""
        return self._parent

    @property
    def T(self) -> Any:  # noqa: N802
        """The array with its axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> TracedArray:  # noqa: N802
        """The array with its last two axes exchanged."""
        return self.seen_through(lambda a: a.swapaxes(-1, -2))

    @property
    def real(self) -> Any:
        """The real part."""
        return carrying.function(np.real, (self,), {})

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return carrying.function(np.imag, (self,), {})

    # values leave the trace

    def item(self, *args: Any) -> Any:
        """Take a value out; an error where it has a derivative."""
        return self._out(".item()", "Keep it an array.").item(*args)

    def tolist(self) -> Any:
        """Take the values out; an error where they have a derivative."""
        return self._out(".tolist()", "Keep it an array.").tolist()

    def __float__(self) -> float:
        return float(self._out("float()", _EXP))

    def __complex__(self) -> complex:
        return complex(self._out("complex()", _EXP))

    def __index__(self) -> int:
        raise TypeError("only integer scalar arrays can be converted to a scalar index")

    def _out(self, call: str, remedy: str) -> Any:
        value = plain(self.value)
        if value is None:
            raise taken_out(call, remedy)
        return value

    def __int__(self) -> int:
        return int(concrete(self.value))  # constant nearly everywhere: no derivative is lost

    def __bool__(self) -> bool:
        return bool(concrete(self.value))

    def __len__(self) -> int:
        return len(self._strided)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(concrete(self.value) == concrete(as_value(item))))

    def __repr__(self) -> str:
        return f"traced {np.array(concrete(self.value))!r}"

    def __format__(self, spec: str) -> str:
        # a text that float() does not read: no value gets out that way
        return f"traced {format(np.array(concrete(self.value))[()], spec)}"

    def __round__(self, digits: int | None = None) -> Any:
        if digits is None:
            return round(float(concrete(self.value)))
        return carrying.function(np.round, (self, digits), {})

    # elements

    def __getitem__(self, index: Any) -> Any:
        index, is_basic = indexing.prepared(index)
        shown = self.seen_through(lambda a: indexing.taken(a, index))
        shown._scalar = shown.ndim == 0 and not indexing.has_ellipsis(index)
        if shown._scalar or not is_basic:
            shown.value  # noqa: B018 - the values now
            shown._parent = None
        return shown

    def __setitem__(self, index: Any, value: Any) -> None:
        index, _ = indexing.prepared(index)
        self._strided[index]  # raises IndexError as NumPy does
        self.assign(indexing.written(self.value, index, as_value(value)))
