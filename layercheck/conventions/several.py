"""Several inputs or outputs, one argument and one gradient for each."""

from __future__ import annotations

from typing import Any

from layercheck.conventions.calls import read_roles
from layercheck.conventions.objects import adapt_object
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.stateful import protocol_of
from layercheck.conventions.training import is_flag_name
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, FORWARD
from layercheck.subject import Subject

CONVENTION = "several"
LOOKS_LIKE = "several inputs or outputs: `forward(x, h)`, `backward(dy, dh)`"


def recognise(layer: Any) -> bool:
    """Whether an object's passes take several inputs or several upstream gradients."""
    forward, backward = method_of(layer, FORWARD), method_of(layer, BACKWARD)
    if isinstance(layer, type) or forward is None or backward is None:
        return False
    required = signature_of(getattr(layer, forward)).required
    inputs = tuple(name for name in required if not is_flag_name(name))
    roles = read_roles(signature_of(getattr(layer, backward)), inputs)
    return len(inputs) > 1 or sum(role == "upstream" for role, _ in roles) > 1


def adapt(request: Request) -> Subject:
    """Turn a layer with several inputs or outputs into a subject."""
    return adapt_object(request, protocol_of(request.layer, CONVENTION))
