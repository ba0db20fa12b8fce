"""Functions ``x_forward(x, w, b)`` and ``x_backward(dout, cache)``.

Forward returns its output and what backward needs; backward the gradients in the order of the
array arguments of forward.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from layercheck.conventions import static_ctx
from layercheck.conventions.functions import (
    make_functions,
    read_backward_function,
    read_function,
)
from layercheck.conventions.pure import adapt_functions
from layercheck.conventions.request import Request
from layercheck.conventions.static_ctx import are_static
from layercheck.subject import Subject

CONVENTION = "functional"
LOOKS_LIKE = "functions `conv_forward(x, w, b) -> out, cache` and `conv_backward(dout, cache)`"


def recognise(layer: Any) -> bool:
    """Whether `layer` is a pair of functions, also of a class, or a function without backward."""
    if are_static(layer):
        return not static_ctx.recognise(layer)
    return inspect.isroutine(layer) or (
        inspect.isroutine(getattr(layer, "forward", None))
        and inspect.isroutine(getattr(layer, "backward", None))
        and getattr(layer, "derivative", None) is False
    )


def adapt(request: Request) -> Subject:
    """Turn a pair of functions into a subject."""
    layer = request.layer
    forward: Callable[..., Any] = layer if inspect.isroutine(layer) else layer.forward
    backward: Callable[..., Any] | None = None if forward is layer else layer.backward
    call = read_function(request, forward)
    functions = (forward,) if backward is None else (forward, backward)
    pull = None if backward is None else read_backward_function(request, backward, call)
    made = make_functions(request, *functions)
    return adapt_functions(request, CONVENTION, made, call, pull)
