"""Copies of a user's layer: deep, with its sharing kept, optionally in another precision."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from layercheck.residence import Resident

SHARED = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    type,
    np.ufunc,
    np.dtype,
)
_HOOKS = (
    *("__getstate__", "__setstate__", "__deepcopy__", "__reduce__", "__reduce_ex__"),
    *("__getattr__", "__getattribute__"),  # copy.deepcopy asks the object for the others
)
_LEAVES = (str, bytes, int, float, complex, bool, type(None), range, slice, np.generic)


def reachable(*roots: Any) -> Iterator[Any]:
    """Yield every object that `roots` hold, depth first, each once, themselves included."""
    seen: set[int] = set()
    stack = list(reversed(roots))
    while stack:
        item = stack.pop()
        if isinstance(item, _LEAVES) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        is_opaque = getattr(type(item), "is_opaque", False) is True
        if not is_opaque and not issubclass(type(item), (np.ndarray, *SHARED)):
            stack.extend(_parts(item))


def _parts(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    if isinstance(item, (list, tuple, set, frozenset)):
        return list(item)
    if isinstance(item, types.MethodType):
        return [item.__self__]
    return [*_attributes(item).values(), *_slots(item).values()]


def _attributes(item: Any) -> dict[str, Any]:
    try:
        attributes = object.__getattribute__(item, "__dict__")
    except AttributeError:
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _slots(item: Any) -> dict[str, Any]:
    values = {}
    for cls in type(item).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in cls.__dict__ and name not in ("__dict__", "__weakref__"):
                try:
                    values[name] = cls.__dict__[name].__get__(item)
                except AttributeError:
                    continue
    return values


def copy_object(
    root: Any,
    cast: Callable[[np.ndarray], np.dtype[Any]] | None = None,
    instead: Mapping[int, Any] | None = None,
) -> Any:
    """Return a deep copy of `root`.

    Unlike ``copy.deepcopy`` it shares what cannot or need not be copied (modules, functions,
    locks), arrays that are views of one buffer stay views of one buffer, and what a class of the
    user's says about copying (``__getstate__``, ``__deepcopy__``) is not asked: nothing is lost.

    Parameters
    ----------
    root : object
        Usually a layer, or a tuple of a layer and what its last call returned.
    cast : callable, array -> dtype, optional
        The dtype of an array's copy; default: its own.
    instead : mapping, id of an array -> object, optional
        What the copy has in its place, wherever it is held.
    """
    memo: dict[int, Any] = dict(instead or {})
    arrays: list[np.ndarray] = []
    rebuilt: list[tuple[Any, Any]] = []
    for item in reachable(root):
        if id(item) in memo:
            continue
        if _says_how_it_is_copied(item):
            rebuilt.append((item, object.__new__(type(item))))
            memo[id(item)] = rebuilt[-1][1]
        elif isinstance(item, SHARED) or not _is_copyable(item):
            memo[id(item)] = item
        elif issubclass(type(item), np.ndarray):  # whatever its __class__ says
            arrays.append(item)
    owners: dict[int, np.ndarray] = {}
    for array in arrays:
        owner = _owner(array)
        dtype = array.dtype if cast is None else cast(array)
        if id(owner) not in owners:
            owners[id(owner)] = _copy_array(owner, dtype)
        memo[id(array)] = _same_view(array, owner, owners[id(owner)])
    # deepcopy keeps what the memo lists alive only through this list
    memo[id(memo)] = [root, *arrays]
    for item, blank in rebuilt:
        for name, value in (*_attributes(item).items(), *_slots(item).items()):
            object.__setattr__(blank, name, copy.deepcopy(value, memo))
    return copy.deepcopy(root, memo)


def _says_how_it_is_copied(item: Any) -> bool:
    """Whether a class of the user's, made of plain attributes, has methods for copying it."""
    cls: Any = type(item)
    home = cls.__module__.partition(".")[0]
    if cls.__new__ is not object.__new__ or home in sys.stdlib_module_names | {"numpy"}:
        return False
    return any(hook in vars(base) for base in cls.__mro__[:-1] for hook in _HOOKS)


def _is_copyable(item: Any) -> bool:
    """Whether copy.deepcopy has a way to copy it: locks, files and generators have none."""
    if isinstance(item, (np.ndarray, dict, list, tuple, set, frozenset, types.MethodType)):
        return True
    if hasattr(type(item), "__deepcopy__"):
        return True
    try:
        item.__reduce_ex__(4)
    except TypeError:
        return False
    except Exception:
        return True
    return True


def _owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory `array` shows, itself where it owns it or a subclass intervenes."""
    owner = array
    while type(owner.base) is np.ndarray and type(owner) in (np.ndarray, Resident):
        if owner.base.dtype != array.dtype:
            break  # the real part of a complex array is copied as an array of its own
        owner = owner.base
    return owner


def _copy_array(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if array.dtype == object:
        return copy.deepcopy(array)
    return array.astype(dtype, order="K", copy=True)


def _same_view(array: np.ndarray, owner: np.ndarray, copied: np.ndarray) -> np.ndarray:
    """The part of `copied` that `array` shows of `owner`."""
    if array is owner:
        return copied
    itemsize = owner.itemsize
    scaled = [stride // itemsize * copied.itemsize for stride in owner.strides]
    if array.dtype != owner.dtype or owner.dtype.hasobject or list(copied.strides) != scaled:
        return array.astype(copied.dtype)
    (start, _), (origin, _) = (a.__array_interface__["data"] for a in (array, owner))
    view = np.asarray(
        _Memory(
            {
                "version": 3,
                "shape": array.shape,
                "typestr": copied.dtype.str,
                "strides": tuple(s // itemsize * copied.itemsize for s in array.strides),
                "data": (
                    copied.__array_interface__["data"][0]
                    + (start - origin) // itemsize * copied.itemsize,
                    False,
                ),
            },
            copied,
        )
    )
    return view.view(type(array))


class _Memory:
    """Exposes memory of `owner`, and keeps it alive, through the array interface."""

    def __init__(self, interface: dict[str, Any], owner: np.ndarray) -> None:
        self.__array_interface__ = interface
        self.owner = owner
