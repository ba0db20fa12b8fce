"""Every forward is kept in a list, until backward or a method of its own empties it.

Where one backward walks the whole list, it takes a list of upstream gradients and adds up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layercheck.conventions.building import is_empty_list
from layercheck.conventions.objects import adapt_object
from layercheck.conventions.request import Request
from layercheck.conventions.returns import lists_appended
from layercheck.conventions.stateful import protocol_of
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, FORWARD
from layercheck.subject import Subject

CONVENTION = "accumulating"
LOOKS_LIKE = (
    "every `forward` is kept until `backward` has walked them all, or a method empties them"
)


def recognise(layer: Any) -> bool:
    """Whether the forward pass of an object appends to a list of the object that is empty."""
    forward = method_of(layer, FORWARD)
    if isinstance(layer, type) or forward is None or method_of(layer, BACKWARD) is None:
        return False
    appended = lists_appended(getattr(layer, forward))
    return any(is_empty_list(getattr(layer, name, None)) for name in appended)


def adapt(request: Request) -> Subject:
    """Turn a layer that keeps several forwards into a subject."""
    protocol = protocol_of(request.layer, CONVENTION)
    return adapt_object(request, replace(protocol, keeps_forwards=True))
