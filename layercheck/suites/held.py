"""What a layer holds besides its learnables and states, and what of it has changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from layercheck.conventions.places import Place
from layercheck.conventions.tree import is_users, walk
from layercheck.subject import Instance

_PLAIN = (bool, int, float, complex, str, np.generic)
Values = dict[Place, Any]


def held_arrays(layer: Any) -> Iterator[tuple[Place, np.ndarray]]:
    """Yield the arrays that a layer and its classes hold, by reference."""
    for place, value in walk(layer):
        if isinstance(value, np.ndarray):
            yield place, value


def owner_of(array: Any, layer: Any) -> str | None:
    """Return the name of the attribute that shares memory with `array`, None where none does."""
    for place, held in held_arrays(layer):
        if share_memory(array, held):
            return place.name
    return None


def share_memory(first: Any, second: Any) -> bool:
    """Whether two arrays share an element; where that is too hard to find out, they do."""
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return False
    try:
        return bool(np.shares_memory(first, second, max_work=10_000))  # type: ignore[arg-type]
    except RuntimeError:  # numpy.exceptions.TooHardError, elsewhere in numpy 1
        return True


def values_of(instance: Instance) -> Values:
    """Return copies of the numbers, texts and arrays of a layer; not its learnables and states."""
    own = {id(array) for array in (*instance.learnables(), *instance.states())}
    return {
        place: _copied(value)
        for place, value in walk(instance.layer)
        if (isinstance(value, (*_PLAIN, np.ndarray)) or _is_tensor(value)) and id(value) not in own
    }


def _is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of a framework that can be written in place."""
    return hasattr(value, "detach") and hasattr(value, "clone") and hasattr(value, "__array__")


def _copied(value: Any) -> Any:
    if _is_tensor(value):
        return value.detach().clone()
    return np.array(value) if isinstance(value, np.ndarray) else value


def shared_values(layer: Any) -> Values:
    """Return copies of what all objects of the layer's classes share: attributes and globals."""
    shared: dict[str, Any] = {}
    for cls in reversed([cls for cls in type(layer).__mro__ if is_users(cls)]):
        module = sys.modules.get(cls.__module__)
        shared |= {f"global {name}": value for name, value in _data(vars(module or cls))}
        shared |= {f"{cls.__name__}.{name}": value for name, value in _data(vars(cls))}
    return {
        place: np.array(value) if isinstance(value, np.ndarray) else value
        for place, value in walk(shared)
        if isinstance(value, (*_PLAIN, np.ndarray))
    }


def _data(names: Mapping[str, Any]) -> list[tuple[str, Any]]:
    kinds = (*_PLAIN, np.ndarray, dict, list)
    return [
        (name, value)
        for name, value in names.items()
        if isinstance(value, kinds) and not name.startswith("__")
    ]


def changed(before: Values, after: Values) -> dict[Place, tuple[Any, Any]]:
    """Return the places whose values differ, with both values; None where there was none."""
    return {
        place: (before.get(place), value)
        for place, value in after.items()
        if place not in before or not same(before[place], value)
    }


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal to the last bit, NaN being equal to NaN."""
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return np.array_equal(first, second, equal_nan=first.dtype.kind in "fc")


def class_arrays(layer: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays that belong to the layer's classes and not to the object alone."""
    for cls in type(layer).__mro__[:-1]:
        for name, value in vars(cls).items():
            if isinstance(value, np.ndarray) and name not in getattr(layer, "__dict__", {}):
                yield f"{cls.__name__}.{name}", value
