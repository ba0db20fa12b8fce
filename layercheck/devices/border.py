"""The border of a layer's code: arrays that live on a device are there while it runs."""

from __future__ import annotations

import sys
import types
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from layercheck.copying import SHARED
from layercheck.devices.array import DeviceArray
from layercheck.residence import Resident, resident

Swap = Callable[[Any], Any]
_LEAVES = (str, bytes, int, float, complex, bool, type(None), range, slice, np.generic)
_NOBODYS = sys.stdlib_module_names | {"builtins", "numpy", "cupy", "cupyx"}


class Device(Protocol):
    """One device, as the border needs it."""

    def put(self, array: np.ndarray) -> Any:
        """Return the array on the device."""

    def back(self, array: Any, original: np.ndarray | None) -> np.ndarray:
        """Return a device array as a `Resident` one: `original` where it was made of that."""

    def owns(self, value: Any) -> bool:
        """Whether something is an array of the device."""


class Rehearsal:
    """The device that is only played: its arrays share memory with the host's."""

    def put(self, array: np.ndarray) -> Any:
        """Return the array on the device."""
        return DeviceArray(array.view(np.ndarray))

    def back(self, array: Any, original: np.ndarray | None) -> np.ndarray:
        """Return the same memory on the host."""
        held: np.ndarray = array._held
        same = original is not None and (held.shape, held.strides) == (
            original.shape,
            original.strides,
        )
        return original if same and original is not None else resident(held)

    def owns(self, value: Any) -> bool:
        """Whether something is an array of the device."""
        return isinstance(value, DeviceArray)


class Border:
    """What calls of a layer pass through.

    Before a call every `Resident` array that the layer and the arguments hold becomes a device
    array; after it, and after an exception, every device array becomes a `Resident` one.

    Parameters
    ----------
    device : Device
    moves_arguments : bool
        Every array that is itself an argument goes to the device, resident or not.
    """

    def __init__(self, device: Device, *, moves_arguments: bool = False) -> None:
        self.device = device
        self.moves_arguments = moves_arguments
        self._inside = False

    def call(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Return ``function(*args, **kwargs)``."""
        if self._inside:
            return function(*args, **kwargs)
        self._inside = True
        crossing = _Crossing(self.device)
        held = [_owner(function), args, kwargs]
        try:
            there = [self._argument(value, crossing) for value in args]
            named = {name: self._argument(value, crossing) for name, value in kwargs.items()}
            substitute(held[0], crossing.there)
            held += [there, named]
            result = function(*there, **named)
        finally:
            self._inside = False
            for value in held:
                substitute(value, crossing.back)
        return substitute(result, crossing.back)

    def _argument(self, value: Any, crossing: _Crossing) -> Any:
        if self.moves_arguments and type(value) is np.ndarray:
            value = crossing.as_resident(value)
        return substitute(value, crossing.there)


class _Crossing:
    """One call: which array became which."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._gone: dict[int, tuple[Any, Any]] = {}
        self._come: dict[int, tuple[Any, Any]] = {}
        self._known: dict[int, tuple[Any, Any]] = {}
        self._resident: dict[int, tuple[Any, Any]] = {}

    def as_resident(self, array: np.ndarray) -> np.ndarray:
        """Return the same resident array for the same array."""
        if id(array) not in self._resident:
            self._resident[id(array)] = (array, resident(array))
        found: np.ndarray = self._resident[id(array)][1]
        return found

    def there(self, value: Any) -> Any:
        """Return what a resident array is on the device, anything else as it is."""
        if not isinstance(value, Resident):
            return value
        if id(value) not in self._gone:
            array = self._device.put(value)
            self._gone[id(value)] = (value, array)
            self._known[id(array)] = (array, value)
        return self._gone[id(value)][1]

    def back(self, value: Any) -> Any:
        """Return what a device array is between calls, anything else as it is."""
        if not self._device.owns(value):
            return value
        if id(value) not in self._come:
            _, original = self._known.get(id(value), (value, None))
            self._come[id(value)] = (value, self._device.back(value, original))
        return self._come[id(value)][1]


def _owner(function: Any) -> Any:
    """The object whose method a function is."""
    if isinstance(function, (types.FunctionType, types.BuiltinFunctionType, type)):
        return None
    return getattr(function, "__self__", function)


def substitute(root: Any, swap: Swap) -> Any:
    """Replace every array that `root` holds by what `swap` returns for it, in place.

    Returns
    -------
    object
        `root` itself, but for an array or a tuple that holds some.
    """
    return _Substitution(swap).of(root)


class _Substitution:
    """One walk through what an object holds."""

    def __init__(self, swap: Swap) -> None:
        self._swap = swap
        self._done: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        if isinstance(value, _LEAVES):
            return value
        if id(value) in self._done:
            return self._done[id(value)][1]
        swapped = self._swap(value)
        if swapped is not value or isinstance(value, (np.ndarray, DeviceArray)):
            self._done[id(value)] = (value, swapped)
            return swapped
        self._done[id(value)] = (value, value)
        if isinstance(value, tuple):
            self._done[id(value)] = (value, self._tuple(value))
        elif isinstance(value, dict):
            self._items(value, list(value.items()))
        elif isinstance(value, (list, deque)):
            self._items(value, list(enumerate(value)))
        elif not isinstance(value, SHARED):
            self._attributes(value)
        return self._done[id(value)][1]

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        items = [self.of(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        make = getattr(type(value), "_make", tuple)
        return make(items)

    def _items(self, owner: Any, items: list[tuple[Any, Any]]) -> None:
        for key, item in items:
            new = self.of(item)
            if new is not item:
                owner[key] = new

    def _attributes(self, owner: Any) -> None:
        if type(owner).__module__.partition(".")[0] in _NOBODYS:
            return
        try:
            attributes = object.__getattribute__(owner, "__dict__")
        except AttributeError:
            attributes = {}
        self._items(attributes, list(attributes.items()))
        for cls in type(owner).__mro__:
            for name, descriptor in vars(cls).items():
                if isinstance(descriptor, types.MemberDescriptorType) and hasattr(owner, name):
                    item = descriptor.__get__(owner)
                    new = self.of(item)
                    if new is not item:
                        descriptor.__set__(owner, new)


def holds_resident(root: Any) -> bool:
    """Whether an object holds an array that lives on the device."""
    found = False

    def look(value: Any) -> Any:
        nonlocal found
        found = found or isinstance(value, Resident)
        return value

    substitute(root, look)
    return found
