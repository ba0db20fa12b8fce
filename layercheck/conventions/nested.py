"""Layers made of layers; learnables and gradients live in the children."""

from __future__ import annotations

from typing import Any

from layercheck.conventions.objects import adapt_object
from layercheck.conventions.request import Request
from layercheck.conventions.stateful import protocol_of
from layercheck.conventions.tree import method_of, sublayers
from layercheck.conventions.vocabulary import FORWARD
from layercheck.subject import Subject

CONVENTION = "nested"
LOOKS_LIKE = "layers made of layers: parameters and gradients live in `self.fc1`, `self.layers[0]`"


def recognise(layer: Any) -> bool:
    """Whether an object with a forward pass holds objects with a forward and a backward pass."""
    if isinstance(layer, type) or method_of(layer, FORWARD) is None:
        return False
    return bool(sublayers(layer))


def adapt(request: Request) -> Subject:
    """Turn a layer made of layers into a subject."""
    return adapt_object(request, protocol_of(request.layer, CONVENTION))
