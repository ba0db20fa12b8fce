"""Where functions and methods are written."""

from __future__ import annotations

import inspect
from typing import Any

from layercheck import Source


def source_of(function: Any) -> Source:
    """Return the file, line and name of a function, below what wraps it."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    name = getattr(function, "__qualname__", None)
    try:
        return Source(inspect.getsourcefile(function), inspect.getsourcelines(function)[1], name)
    except (TypeError, OSError):
        return Source(function=name)
