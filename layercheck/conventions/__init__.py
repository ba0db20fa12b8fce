"""Conventions: the ways people write layers in NumPy and CuPy, one file each.

`adapt` recognises the convention of a layer and returns the subject that drives it.
"""

from __future__ import annotations

import inspect
from typing import Any

from layercheck.conventions import (
    accumulating,
    attributes,
    derivative,
    forward_pass,
    functional,
    native,
    nested,
    several,
    stateful,
    static_ctx,
    torch7,
    updating,
)
from layercheck.conventions.request import Request
from layercheck.errors import DeclarationError, TargetError, nearest
from layercheck.subject import Subject

# In the order in which they are asked: the most specific first.
CONVENTIONS: tuple[Any, ...] = (
    derivative,
    functional,
    static_ctx,
    native,
    torch7,
    forward_pass,
    accumulating,
    updating,
    attributes,
    nested,
    several,
    stateful,
)


def adapt(request: Request) -> Subject:
    """Return the subject of a NumPy-family layer.

    Raises
    ------
    QuestionError
        The layer can be read in several ways.
    TargetError
        No convention recognises it.
    LayerError
        Its own code raised while it was initialised.
    """
    declared = request.declarations.convention
    if declared is not None:
        names = [convention.CONVENTION for convention in CONVENTIONS]
        if declared not in names:
            raise DeclarationError(
                f"There is no convention {declared!r}.{nearest(declared, names)} "
                f"The conventions are {', '.join(names)}."
            )
        convention = CONVENTIONS[names.index(declared)]
        _require_fit(convention, request)
        return _subject(convention, request)
    for convention in CONVENTIONS:
        if convention.recognise(request.layer):
            return _subject(convention, request)
    raise TargetError(
        f"{request.name} is not recognised as a layer: it has no forward and backward pass that "
        "a convention knows. Write predict(self, x) and backward(self, x, z, dz, memory), or "
        f"declare its convention: --declare convention={CONVENTIONS[0].CONVENTION}."
    )


def _require_fit(convention: Any, request: Request) -> None:
    """Require what a declared convention needs: another one's names do not matter."""
    layer = request.layer
    if convention is native:
        fits = any(callable(getattr(layer, name, None)) for name in ("predict", "forward"))
    elif convention in (functional, static_ctx, derivative, forward_pass):
        fits = convention.recognise(layer)
    else:
        fits = stateful.recognise(layer) and not inspect.isroutine(layer)
    if not fits:
        raise DeclarationError(
            f"convention={convention.CONVENTION} does not fit {request.name}: that convention is "
            f"{convention.LOOKS_LIKE.replace('`', '')}."
        )


def _subject(convention: Any, request: Request) -> Subject:
    subject: Subject = convention.adapt(request)
    return subject
