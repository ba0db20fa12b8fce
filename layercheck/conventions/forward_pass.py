"""``forward_pass(X, training)`` and ``backward_pass(accum_grad)``.

The layer is told the shape of its input by ``set_input_shape`` and its optimizer by
``initialize(optimizer)``; backward hands each gradient to the optimizer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layercheck.calling import call_layer
from layercheck.conventions.initialising import observation_shape
from layercheck.conventions.objects import adapt_object
from layercheck.conventions.recorder import Recorder
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.stateful import protocol_of
from layercheck.layout import Layout
from layercheck.subject import Subject

CONVENTION = "forward_pass"
LOOKS_LIKE = "`forward_pass(X, training)` and `backward_pass(accum_grad)`, with `set_input_shape`"


def recognise(layer: Any) -> bool:
    """Whether an object has forward_pass and backward_pass, or is told its input's shape."""
    if isinstance(layer, type):
        return False
    names = ("forward_pass", "backward_pass")
    return all(callable(getattr(layer, name, None)) for name in names)


def adapt(request: Request) -> Subject:
    """Turn such a layer into a subject."""
    return adapt_object(request, replace(protocol_of(request.layer, CONVENTION), prepare=_prepare))


def _prepare(layer: Any, layouts: tuple[Layout, ...]) -> None:
    """Tell the layer the shape of one observation, and an optimizer that records."""
    if callable(getattr(layer, "set_input_shape", None)):
        shape = observation_shape(layouts[0])
        call_layer("set_input_shape()", layer.set_input_shape, shape)
    initialize = getattr(layer, "initialize", None)
    if callable(initialize):
        count = len(signature_of(initialize).required)
        call_layer("initialize()", initialize, *(Recorder() for _ in range(count)))
