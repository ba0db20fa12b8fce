"""What the code of a layer tells: where it is written, and which arguments it takes."""

from __future__ import annotations

import inspect
from typing import Any

from layercheck import DeclarationError, Request, Source


def source_of(function: Any) -> Source:
    """Return where a function or method is written."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    name = getattr(function, "__qualname__", "").rpartition("<locals>.")[2] or None
    try:
        return Source(inspect.getsourcefile(function), inspect.getsourcelines(function)[1], name)
    except (TypeError, OSError):
        return Source(function=name)


def require_arguments(request: Request, function: Any) -> None:
    """Require that ``--call`` gives arguments that the layer has."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in request.call:
        if name not in parameters:
            raise DeclarationError(
                f"--call gives an argument {name!r}, which {request.name} does not have. Its "
                f"arguments are {', '.join(parameters)}."
            )
