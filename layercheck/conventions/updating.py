"""Backward updates the weights, by a learning rate or through an optimizer.

The gradient is the update over the learning rate, or what the optimizer is given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layercheck.conventions.objects import adapt_object
from layercheck.conventions.recorder import optimizers
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.stateful import protocol_of
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, FORWARD, RATE, normal
from layercheck.subject import Subject

CONVENTION = "updating"
LOOKS_LIKE = "`backward(dout, learning_rate)`, or an optimizer that `backward` hands its gradients"


def recognise(layer: Any) -> bool:
    """Whether backward takes a learning rate, or the layer holds an optimizer."""
    backward = method_of(layer, BACKWARD)
    if isinstance(layer, type) or method_of(layer, FORWARD) is None or backward is None:
        return False
    signature = signature_of(getattr(layer, backward))
    further = (*signature.positional[1:], *signature.keywords)
    return any(normal(name) in RATE for name in further) or bool(optimizers(layer))


def adapt(request: Request) -> Subject:
    """Turn a layer that updates itself into a subject."""
    protocol = protocol_of(request.layer, CONVENTION)
    return adapt_object(request, replace(protocol, roles=("upstream", "rate")))
