"""What a user's layer holds: its arrays, its nested layers, each with its place."""

from __future__ import annotations

import sys
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.conventions.places import Place, Step
from layercheck.conventions.vocabulary import BACKWARD, FORWARD

_DEEPEST = 8
_LONGEST = 256
_SHARED = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    type,
    np.random.Generator,
    np.random.RandomState,
)


class Opaque:
    """Base of objects of ours that stand in a user's layer and are no part of it."""


def walk(layer: Any) -> Iterator[tuple[Place, Any]]:
    """Yield everything that a layer holds with its place, what is nearest first.

    Objects and arrays that are held twice come once, at the first place.
    """
    seen: set[int] = {id(layer)}
    queue: deque[tuple[Place, Any]] = deque([(Place(()), layer)])
    while queue:
        place, item = queue.popleft()
        if len(place.steps) >= _DEEPEST:
            continue
        for step, value in _parts(item):
            if _has_identity(value):
                if id(value) in seen:
                    continue
                seen.add(id(value))
            yield place / step, value
            if _is_open(value):
                queue.append((place / step, value))


def _parts(item: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(item, dict):
        yield from (
            (("key", key), value) for key, value in item.items() if isinstance(key, (str, int))
        )
    elif isinstance(item, (list, tuple)):
        yield from ((("index", i), value) for i, value in enumerate(item[:_LONGEST]))
    else:
        yield from ((("attribute", name), value) for name, value in attributes(item).items())


def attributes(item: Any) -> dict[str, Any]:
    """Return an object's own attributes, slots and arrays of its classes."""
    found: dict[str, Any] = {}
    for cls in reversed(type(item).__mro__[:-1]):
        if not is_users(cls):
            continue
        for name, value in vars(cls).items():
            if isinstance(value, types.MemberDescriptorType):
                if hasattr(item, name):
                    found[name] = getattr(item, name)
            elif isinstance(value, np.ndarray):
                found[name] = value
    found.update(getattr(item, "__dict__", {}))
    return found


def _has_identity(value: Any) -> bool:
    return isinstance(value, np.ndarray) or _is_open(value)


def _is_open(value: Any) -> bool:
    if isinstance(value, (dict, list, tuple)):
        return True
    if isinstance(value, (*_SHARED, Opaque)) or not hasattr(value, "__dict__"):
        return hasattr(type(value), "__slots__") and is_users(type(value))
    return is_users(type(value))


def is_users(cls: type) -> bool:
    """Whether a class is written by a user: neither Python's nor a numeric library's."""
    top = cls.__module__.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in ("numpy", "builtins", "layercheck")


def arrays(layer: Any) -> dict[Place, np.ndarray]:
    """Return the arrays of floating-point numbers that a layer holds."""
    return {
        place: value
        for place, value in walk(layer)
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc" and value.size
    }


def integers(layer: Any) -> dict[Place, np.ndarray]:
    """Return the arrays of integers that a layer holds."""
    return {
        place: value
        for place, value in walk(layer)
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size
    }


def scalars(layer: Any) -> dict[Place, Any]:
    """Return the floating-point numbers in attributes and dicts of a layer."""
    return {
        place: value
        for place, value in walk(layer)
        if isinstance(value, (float, complex, np.floating, np.complexfloating))
        and place.steps[-1][0] != "index"
    }


def lists(layer: Any) -> dict[Place, list[Any]]:
    """Return the lists that a layer holds."""
    return {place: value for place, value in walk(layer) if isinstance(value, list)}


def sublayers(layer: Any) -> dict[Place, Any]:
    """Return the objects in a layer that have a forward and a backward pass themselves."""
    return {
        place: value
        for place, value in walk(layer)
        if not isinstance(value, (dict, list, tuple, np.ndarray))
        and _is_open(value)
        and method_of(value, FORWARD) is not None
        and method_of(value, BACKWARD) is not None
    }


def method_of(item: Any, names: tuple[str, ...]) -> str | None:
    """Return the first of `names` that is a method of `item`, or None."""
    for name in names:
        if name == "__call__":
            if any(name in vars(cls) for cls in type(item).__mro__[:-1]):
                return name
        elif callable(getattr(item, name, None)):
            return name
    return None
