"""What CuPy has: asked of CuPy where it is imported, else read from a table of one version."""

from __future__ import annotations

import inspect
import json
import sys
from functools import cache
from importlib import resources
from typing import Any


@cache
def _table() -> dict[str, Any]:
    text = resources.files("layercheck.devices").joinpath("cupy.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def version() -> str:
    """The version of CuPy that the table was made of."""
    return str(_table()["cupy"])


def _real(module: str) -> Any:
    """The module of the real CuPy, where that is imported."""
    found = sys.modules.get(module)
    return None if found is None or hasattr(found, "__rehearsed__") else found


@cache
def has(module: str, name: str) -> bool:
    """Whether CuPy has `name` in `module`, as ``("cupy.linalg", "norm")``."""
    real = _real(module)
    if real is not None:
        return hasattr(real, name)
    return name in _table()["modules"].get(module, ())


@cache
def parameters(module: str, name: str) -> frozenset[str] | None:
    """Return what a function takes by keyword; None where that is not known."""
    real = getattr(_real(module), name, None)
    if real is None:
        known = _table()["modules"].get(module, {}).get(name)
        return None if known is None else frozenset(known)
    try:
        found = inspect.signature(real).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in found):
        return None
    return frozenset(p.name for p in found)


def names(module: str) -> tuple[str, ...]:
    """Return the public names of a module of CuPy."""
    return tuple(_table()["modules"].get(module, ()))


def modules() -> tuple[str, ...]:
    """Return the modules of CuPy that are known."""
    return tuple(_table()["modules"])


@cache
def is_attribute(name: str) -> bool:
    """Whether CuPy's arrays have an attribute or a method."""
    return name in _table()["ndarray"]


@cache
def is_ufunc(name: str) -> bool:
    """Whether a function of CuPy is a ufunc."""
    return name in _table()["ufuncs"]
