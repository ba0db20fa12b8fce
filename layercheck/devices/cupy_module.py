"""The modules `cupy` and `cupyx` of the rehearsal."""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.devices import table
from layercheck.devices.array import Device, DeviceArray
from layercheck.devices.dispatch import (
    OnDevice,
    call_function,
    call_ufunc,
    on_device,
    unwrapped,
    wrapped,
)
from layercheck.devices.randoms import random_function
from layercheck.devices.refusals import ELSE, NotRehearsed, RefusedName
from layercheck.devices.trips import note_trip

_FROM = {"cupy": "numpy", "cupyx.scipy": "scipy"}
# Names that CuPy's modules have beside their functions.
_SUBMODULES = {
    "cupy": ("cuda", "fft", "lib", "linalg", "random"),
    "cupy.lib": ("stride_tricks",),
    "cupyx": ("scipy",),
    "cupyx.scipy": ("ndimage", "signal", "special"),
}


class RehearsedModule(types.ModuleType):
    """A module whose names are found when they are asked for."""

    __rehearsed__ = True

    def __init__(self, name: str) -> None:
        super().__init__(name, "Stands in for CuPy: its arrays compute with NumPy.")
        self.__path__: list[str] = []
        self.__version__ = table.version()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _found(self.__name__, name)
        setattr(self, name, value)
        return value


def make_module(name: str) -> types.ModuleType:
    """Return a module of the rehearsal."""
    module = RehearsedModule(name)
    if name == "cupy.cuda":
        module.__dict__.update(_CUDA)
    return module


def _found(module: str, name: str) -> Any:
    if name in _SUBMODULES.get(module, ()):
        return importlib.import_module(f"{module}.{name}")
    if module in _OWN and name in _OWN[module]:
        return _OWN[module][name]
    if module == "cupy.cuda" or (module in table.modules() and not table.has(module, name)):
        if module == "cupy.cuda":
            raise NotRehearsed(f"The rehearsal has no {module}.{name}; it needs a GPU.")
        raise RefusedName(
            f"module {module!r} has no attribute {name!r}", "unsupported-on-device", ELSE
        )
    if module == "cupy.random":
        return random_function(name)
    return _adopted(module, name, _host_value(module, name))


def _host_value(module: str, name: str) -> Any:
    """What NumPy or SciPy has under the same name."""
    root = next((root for root in _FROM if module == root or module.startswith(f"{root}.")), None)
    if root is not None:
        try:
            home = importlib.import_module(module.replace(root, _FROM[root], 1))
            return getattr(home, name)
        except (ImportError, AttributeError):
            pass
    raise NotRehearsed(f"The rehearsal has no {module}.{name}; only a GPU can tell.")


def _adopted(module: str, name: str, value: Any) -> Any:
    """Return a value of NumPy as CuPy's: functions take and give arrays of the device."""
    if isinstance(value, np.ufunc):
        return Ufunc(value)
    if isinstance(value, type) or not callable(value):
        return value

    def function(*args: Any, **kwargs: Any) -> Any:
        if name in _DELEGATING and not any(isinstance(a, OnDevice) for a in args):
            return value(*args, **kwargs)  # it calls the method of what it gets
        return call_function(module, value, args, kwargs)

    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    return function


_DELEGATING = frozenset(
    {
        *("sum", "mean", "max", "min", "amax", "amin", "prod", "std", "var", "reshape", "ravel"),
        *("transpose", "clip", "sort", "squeeze", "swapaxes", "cumsum", "cumprod", "all", "any"),
        *("shape", "ndim", "size", "result_type", "can_cast", "isscalar"),
    }
)


class Ufunc:
    """A ufunc of CuPy."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc
        self.__name__ = ufunc.__name__
        self.nin, self.nout, self.nargs = ufunc.nin, ufunc.nout, ufunc.nargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it element by element."""
        return call_ufunc(self._ufunc, "__call__", args, kwargs)

    def reduce(self, *args: Any, **kwargs: Any) -> Any:
        """Reduce along an axis."""
        return call_ufunc(self._ufunc, "reduce", args, kwargs)

    def accumulate(self, *args: Any, **kwargs: Any) -> Any:
        """Accumulate along an axis."""
        return call_ufunc(self._ufunc, "accumulate", args, kwargs)

    def outer(self, *args: Any, **kwargs: Any) -> Any:
        """Combine every pair."""
        return call_ufunc(self._ufunc, "outer", args, kwargs)

    def reduceat(self, array: Any, indices: Any, *args: Any, **kwargs: Any) -> Any:
        """Reduce over slices."""
        return wrapped(self._ufunc.reduceat(unwrapped(array), unwrapped(indices), *args, **kwargs))

    def at(self, array: Any, indices: Any, *operands: Any) -> None:
        """Work in place, repeated indices too."""
        self._ufunc.at(unwrapped(array), unwrapped(indices), *map(unwrapped, operands))


# what NumPy has not


def get_array_module(*args: Any) -> Any:
    """Return this cupy where an argument lives on the device, else numpy."""
    return sys.modules["cupy"] if any(isinstance(a, OnDevice) for a in args) else np


def _get_scipy_module(*args: Any) -> Any:
    here = any(isinstance(a, OnDevice) for a in args)
    return importlib.import_module("cupyx.scipy" if here else "scipy")


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, **_: Any) -> Any:
    """Return a host array."""
    if isinstance(a, OnDevice):
        note_trip("cupy.asnumpy()")
        a = np.array(a._held)
    host = np.asarray(a)
    if out is None:
        return host
    out[...] = host
    return out


def fuse(*args: Any, **_: Any) -> Any:
    """Decorate nothing: fused functions compute what they say."""
    if args and callable(args[0]):
        return args[0]
    return lambda function: function


class Kernel:
    """A kernel in CUDA C++, which the rehearsal cannot run."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Raise."""
        raise NotRehearsed("A kernel in CUDA C++ cannot be rehearsed; only a GPU can run it.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__call__


class MemoryPool:
    """The memory of a device that is only played."""

    def used_bytes(self) -> int:
        """Return 0."""
        return 0

    def total_bytes(self) -> int:
        """Return 0."""
        return 0

    def free_all_blocks(self, *_: Any) -> None:
        """Do nothing."""


def _scatter(ufunc: np.ufunc) -> Callable[[Any, Any, Any], None]:
    def scatter(a: Any, slices: Any, value: Any) -> None:
        ufunc.at(unwrapped(a), unwrapped(slices), unwrapped(value))

    return scatter


def rsqrt(x: Any) -> Any:
    """Return 1 / sqrt(x)."""
    return on_device(1 / np.sqrt(unwrapped(x)))


class Stream:
    """A stream that does everything at once."""

    ptr = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def synchronize(self) -> None:
        """Do nothing."""

    def use(self) -> Stream:
        """Return itself."""
        return self


_OWN: dict[str, dict[str, Any]] = {
    "cupy": {
        "ndarray": DeviceArray,
        "ufunc": Ufunc,
        "get_array_module": get_array_module,
        "asnumpy": asnumpy,
        "fuse": fuse,
        "memoize": fuse,
        "is_available": lambda: True,
        "get_default_memory_pool": MemoryPool,
        "get_default_pinned_memory_pool": MemoryPool,
        **dict.fromkeys(("ElementwiseKernel", "ReductionKernel", "RawKernel", "RawModule"), Kernel),
    },
    "cupyx": {
        "scatter_add": _scatter(np.add),
        "scatter_max": _scatter(np.maximum),
        "scatter_min": _scatter(np.minimum),
        "rsqrt": rsqrt,
        "errstate": contextlib.nullcontext,
    },
    "cupyx.scipy": {"get_array_module": _get_scipy_module},
}
_CUDA: dict[str, Any] = {
    "Device": lambda *_: Device(),
    "Stream": Stream,
    "is_available": lambda: True,
    "get_current_stream": Stream,
    "runtime": types.SimpleNamespace(
        getDeviceCount=lambda: 1, getDevice=lambda: 0, deviceSynchronize=lambda: None
    ),
}
_CUDA["Stream"].null = Stream()
