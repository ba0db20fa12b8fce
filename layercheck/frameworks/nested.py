"""Nested outputs and inputs: dicts, lists and tuples of arrays, as a flat row of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any


def flatten(value: Any, is_leaf: Callable[[Any], bool]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the leaves of nested containers in order, and the path of each.

    Parameters
    ----------
    value : object
        A leaf, or dicts, lists, tuples and dataclasses of them.
    is_leaf : callable, object -> bool
        Whether something is an array of the framework.

    Returns
    -------
    names : tuple of str
        ``hidden.0``; empty for a value that is itself a leaf.
    leaves : tuple
        None and what is neither leaf nor container is left out.
    """
    found: dict[str, Any] = {}
    _collect(value, is_leaf, "", found)
    return tuple(found), tuple(found.values())


def _collect(value: Any, is_leaf: Callable[[Any], bool], path: str, found: dict[str, Any]) -> None:
    if is_leaf(value):
        found[path] = value
        return
    for step, item in _items(value):
        _collect(item, is_leaf, f"{path}.{step}" if path else str(step), found)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    return []
