"""Passes return nothing; ``output`` and ``dinputs`` are attributes."""

from __future__ import annotations

from typing import Any

from layercheck.conventions.objects import adapt_object
from layercheck.conventions.request import Request
from layercheck.conventions.returns import returns_nothing
from layercheck.conventions.stateful import protocol_of
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, FORWARD
from layercheck.subject import Subject

CONVENTION = "attributes"
LOOKS_LIKE = "passes that return nothing and leave `self.output` and `self.dinputs`"


def recognise(layer: Any) -> bool:
    """Whether the forward pass of an object returns nothing."""
    forward = method_of(layer, FORWARD)
    if isinstance(layer, type) or forward is None or method_of(layer, BACKWARD) is None:
        return False
    return returns_nothing(getattr(layer, forward))


def adapt(request: Request) -> Subject:
    """Turn a layer that leaves its results in attributes into a subject."""
    return adapt_object(request, protocol_of(request.layer, CONVENTION))
