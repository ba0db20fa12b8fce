"""A class with static ``forward(ctx, ...)`` and ``backward(ctx, gradient)``.

Backward returns a gradient for each argument of forward after ctx; None is allowed for what has
none.
"""

from __future__ import annotations

import inspect
from typing import Any

from layercheck.conventions.functions import (
    make_functions,
    read_backward_function,
    read_function,
)
from layercheck.conventions.pure import adapt_functions
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.vocabulary import CONTEXT, normal
from layercheck.subject import Subject

CONVENTION = "static"
LOOKS_LIKE = "static `forward(ctx, x)` and `backward(ctx, grad)`"


def recognise(layer: Any) -> bool:
    """Whether both passes of a class are static, and the first argument is a context."""
    names = signature_of(layer.forward).positional if are_static(layer) else ()
    return bool(names) and normal(names[0]) in CONTEXT


def are_static(layer: Any) -> bool:
    """Whether both passes of a class are static methods."""
    cls = layer if isinstance(layer, type) else type(layer)
    return all(
        isinstance(inspect.getattr_static(cls, name, None), staticmethod)
        for name in ("forward", "backward")
    )


def adapt(request: Request) -> Subject:
    """Turn a class with static passes into a subject."""
    forward, backward = request.layer.forward, request.layer.backward
    call = read_function(request, forward, context=True)
    pull = read_backward_function(request, backward, call)
    made = make_functions(request, forward, backward)
    return adapt_functions(request, CONVENTION, made, call, pull)
