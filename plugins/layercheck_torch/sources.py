"""Where the code of a layer is written."""

from __future__ import annotations

import inspect
from typing import Any

from layercheck import Source


def source_of(function: Any, name: str | None = None) -> Source:
    """Return where a function or method is written, under its own name or another."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    qualified = getattr(function, "__qualname__", None)
    name = name or (qualified.rpartition("<locals>.")[2] if qualified else None)
    try:
        file = inspect.getsourcefile(function)
        line = inspect.getsourcelines(function)[1]
    except (TypeError, OSError):
        return Source(function=name)
    return Source(file, line, name)
