"""What a layer of PyTorch holds in its attributes, lists and dicts."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

_CLOSED = (
    *(torch.Tensor, torch.Generator, np.ndarray, np.random.Generator, np.random.RandomState),
    *(str, bytes, int, float, complex, bool, type(None), torch.dtype, torch.device),
    *(type, types.ModuleType, types.BuiltinFunctionType),
)
_TABLES = ("_parameters", "_buffers", "_modules")  # of a module: their names are its own
_DEEPEST = 12
_LONGEST = 10_000


def walk(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a layer holds, each object once, by its dotted name.

    A function holds what it closes over, and the globals that it names.
    """
    seen: set[int] = {id(layer)}
    stack = [("", layer, 0)]
    while stack:
        path, item, depth = stack.pop()
        inner = []
        for name, value in _parts(item):
            if id(value) in seen or isinstance(value, (str, int, float, type(None))):
                continue
            seen.add(id(value))
            where = f"{path}.{name}" if path and name else path or name
            yield where, value
            if depth < _DEEPEST and not isinstance(value, _CLOSED):
                inner.append((where, value, depth + 1))
        stack.extend(reversed(inner))


def _parts(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, dict):
        yield from ((str(key), value) for key, value in list(item.items())[:_LONGEST])
    elif isinstance(item, (list, tuple, set, frozenset)):
        yield from ((str(i), value) for i, value in enumerate(list(item)[:_LONGEST]))
    elif isinstance(item, types.MethodType):
        yield "", item.__self__
    elif isinstance(item, types.FunctionType):
        yield from _held_by_function(item)
    elif _is_users(item):
        for name, value in getattr(item, "__dict__", {}).items():
            yield ("" if name in _TABLES and isinstance(item, torch.nn.Module) else name), value


def _held_by_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, _CLOSED[:5]):
            yield name, value


def _is_users(item: Any) -> bool:
    """Whether the attributes of an object are those of a layer, and no library's machinery."""
    return isinstance(item, torch.nn.Module) or not type(item).__module__.startswith(
        ("torch.", "numpy", "builtins", "collections", "functools", "threading", "_thread")
    )


def own_tensors(layer: Any) -> dict[str, Any]:
    """Return every tensor that a layer holds, by its dotted name."""
    return {name: value for name, value in walk(layer) if isinstance(value, torch.Tensor)}
