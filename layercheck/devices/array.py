"""The array of the rehearsal: what `cupy.ndarray` has and does, with NumPy underneath."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.devices import table
from layercheck.devices.dispatch import (
    OnDevice,
    call_function,
    call_ufunc,
    made_by,
    on_device,
    unwrapped,
)
from layercheck.devices.operators import methods, operators
from layercheck.devices.refusals import (
    ELSE,
    USE_XP,
    NotRehearsed,
    RefusedName,
    RefusedValue,
    refuse_conversion,
)
from layercheck.devices.trips import note_trip


class Flags:
    """The flags of a device array: fewer than NumPy's."""

    def __init__(self, array: np.ndarray) -> None:
        for name in ("c_contiguous", "f_contiguous", "fnc", "forc", "owndata"):
            setattr(self, name, getattr(array.flags, name))

    def __getattr__(self, name: str) -> Any:
        raise RefusedName(
            f"the flags of a cupy.ndarray have no {name!r}", "unsupported-on-device", ELSE
        )

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name.lower())


class Device:
    """The device that the rehearsal plays."""

    id = 0

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device)

    def __hash__(self) -> int:
        return 0

    def use(self) -> None:
        """Make it the current device."""

    def synchronize(self) -> None:
        """Wait for it."""

    def __repr__(self) -> str:
        return "<CUDA Device 0>"


class DeviceArray(OnDevice):
    """Behaves like `cupy.ndarray`."""

    __slots__ = ()
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, held: Any, dtype: Any = float, *_: Any, **__: Any) -> None:
        super().__init__(held if isinstance(held, np.ndarray) else np.empty(held, dtype))

    # NumPy's protocols

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        refuse_conversion()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        module = func.__module__.replace("numpy", "cupy", 1)
        return call_function(module, func, args, kwargs)

    # what it is

    shape = property(lambda self: self._held.shape, lambda self, shape: self._reshape(shape))
    dtype = property(lambda self: self._held.dtype)
    ndim = property(lambda self: self._held.ndim)
    size = property(lambda self: self._held.size)
    itemsize = property(lambda self: self._held.itemsize)
    nbytes = property(lambda self: self._held.nbytes)
    strides = property(lambda self: self._held.strides)
    flags = property(lambda self: Flags(self._held))
    device = property(lambda self: Device())
    base = property(
        lambda self: None if self._held.base is None else on_device(np.asarray(self._held.base))
    )
    T = property(lambda self: on_device(self._held.T))
    mT = property(lambda self: on_device(np.swapaxes(self._held, -1, -2)))  # noqa: N815
    flat = property(lambda self: FlatIterator(self._held))
    real = property(
        lambda self: on_device(self._held.real),
        lambda self, value: self.real.__setitem__(Ellipsis, value),
    )
    imag = property(
        lambda self: on_device(self._held.imag),
        lambda self, value: self.imag.__setitem__(Ellipsis, value),
    )

    def _reshape(self, shape: Any) -> None:
        self._held = self._held.view()
        self._held.shape = shape

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"'ndarray' object has no attribute {name!r}")
        if table.is_attribute(name):
            raise NotRehearsed(f"the rehearsal has no cupy.ndarray.{name}")
        raise RefusedName(f"cupy.ndarray has no attribute {name!r}", "unsupported-on-device", ELSE)

    # elements

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Any]:
        if self._held.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (on_device(item) for item in self._held)

    def __getitem__(self, index: Any) -> Any:
        return on_device(self._held[unwrapped(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(value, OnDevice) and np.ndim(value) > 0 and not _is_advanced(index):
            raise RefusedValue(
                f"a numpy.ndarray or list of shape {np.shape(value)} is assigned to a slice of a "
                "cupy.ndarray",
                "host-array-on-device",
                USE_XP,
            )
        self._held[unwrapped(index)] = unwrapped(value)

    def fill(self, value: Any) -> None:
        """Set every element to one number."""
        if np.ndim(unwrapped(value)) > 0:
            raise RefusedValue(
                "fill() got an array with axes", "host-array-on-device", "Use x[...] = value."
            )
        self._held.fill(unwrapped(value))

    def scatter_add(self, index: Any, value: Any) -> None:
        """Add values at an index, repeated ones too."""
        np.add.at(self._held, unwrapped(index), unwrapped(value))

    # to the host

    def get(self, stream: Any = None, order: str = "C", out: Any = None, **_: Any) -> Any:
        """Return a copy on the host."""
        note_trip(".get()")
        if out is None:
            return self._held.copy("F" if order == "F" else "C")
        out[...] = self._held
        return out

    def set(self, array: Any, stream: Any = None) -> None:
        """Copy a host array to the device."""
        if not isinstance(array, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if array.dtype != self._held.dtype or array.shape != self._held.shape:
            raise ValueError("a host array of another dtype or shape cannot be set")
        self._held[...] = array

    def item(self, *args: Any) -> Any:
        """Return one element as a number."""
        note_trip(".item()")
        return self._held.item(*args)

    def tolist(self) -> Any:
        """Return nested lists of numbers."""
        note_trip(".tolist()")
        return self._held.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """Return the memory as bytes."""
        note_trip(".tobytes()")
        return self._held.tobytes(order)

    def view(self, dtype: Any = None) -> Any:
        """Return the same memory, as another dtype where one is given."""
        is_class = isinstance(dtype, type) and issubclass(dtype, (np.ndarray, OnDevice))
        return on_device(self._held.view(*(() if dtype is None or is_class else (dtype,))))

    def __float__(self) -> float:
        note_trip("float()")
        return float(self._held)

    def __int__(self) -> int:
        note_trip("int()")
        return int(self._held)

    def __complex__(self) -> complex:
        note_trip("complex()")
        return complex(self._held)

    def __bool__(self) -> bool:
        note_trip("a condition on an array")
        return bool(self._held)

    def __repr__(self) -> str:
        return repr(self._held)

    def __str__(self) -> str:
        return str(self._held)

    def __format__(self, specification: str) -> str:
        return format(self._held, specification)

    # copies

    def __copy__(self) -> Any:
        return on_device(self._held.copy())

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(copy.deepcopy(self._held, memo))

    def __reduce__(self) -> Any:
        return _restored, (np.array(self._held),)


class FlatIterator:
    """``x.flat``."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __getitem__(self, index: Any) -> Any:
        return on_device(self._array.flat[unwrapped(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array.flat[unwrapped(index)] = unwrapped(value)

    def __len__(self) -> int:
        return self._array.size


def _restored(array: np.ndarray) -> Any:
    return on_device(array)


def _is_advanced(index: Any) -> bool:
    """Whether an index holds arrays or lists; CuPy moves the values then."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, (list, np.ndarray, OnDevice)) for part in parts)


def _complete() -> None:
    for name, function in {**operators(), **methods()}.items():
        setattr(DeviceArray, name, function)
    DeviceArray.__name__ = DeviceArray.__qualname__ = "ndarray"
    DeviceArray.__module__ = "cupy"  # the name that messages show


made_by(DeviceArray)
_complete()
