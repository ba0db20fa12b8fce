"""Numbers that a layer keeps or that are written in its code."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, TypeGuard

_MOST = 3  # small numbers that are tried


def kept_numbers(layer: object) -> dict[str, float]:
    """Numbers that a layer or its class keeps, by attribute; no property is called."""
    found: dict[str, float] = {}
    for holder in (*reversed(type(layer).__mro__), layer):
        for name, value in getattr(holder, "__dict__", {}).items():
            if _is_number(value):
                found[str(name)] = float(value)
    return {name: value for name, value in found.items() if not name.startswith("__")}


def epsilons(layer: object) -> list[float]:
    """Zero, and small numbers that may be added to a variance: kept, or written in the code."""
    kept = {v for name, v in kept_numbers(layer).items() if "eps" in name.lower()}
    small = {v for v in (*kept, *_written_numbers(layer)) if 0 < v < 0.1}
    return [0.0, *sorted(small)[:_MOST]]


def _written_numbers(layer: object) -> Iterator[float]:
    """Numbers in the functions of a layer, and globals that these name."""
    for function in _functions(layer):
        for constant in _constants(function.__code__):
            if _is_number(constant):
                yield float(constant)
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if _is_number(value):
                yield float(value)


def _functions(layer: object) -> Iterator[FunctionType]:
    holders = [vars(kind).values() for kind in type(layer).__mro__]
    parts = layer if isinstance(layer, (tuple, list)) else (layer,)
    for value in (*parts, *(value for values in holders for value in values)):
        inner = getattr(value, "__func__", value)
        if isinstance(inner, FunctionType):
            yield inner


def _constants(code: CodeType) -> Iterator[Any]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        else:
            yield constant


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
