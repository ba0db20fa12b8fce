"""``forward(x)`` returns the output, ``backward(dout)`` the input's gradient.

What backward needs is kept on the object, as are the gradients of the learnables; backward may
also return them.
"""

from __future__ import annotations

from typing import Any

from layercheck.conventions.objects import Protocol, adapt_object
from layercheck.conventions.request import Request
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, DERIVATIVE, FORWARD
from layercheck.subject import Subject

CONVENTION = "stateful"
LOOKS_LIKE = (
    "`forward(x)` and `backward(dout)`; what backward needs and the gradients stay on the "
    "object (`self.dW`, `self.grads`)"
)


def recognise(layer: Any) -> bool:
    """Whether `layer` is an object with a forward pass."""
    return not isinstance(layer, type) and method_of(layer, FORWARD) is not None


def adapt(request: Request) -> Subject:
    """Turn a stateful layer into a subject."""
    return adapt_object(request, protocol_of(request.layer, CONVENTION))


def protocol_of(layer: Any, convention: str) -> Protocol:
    """Return the passes of an object by their names."""
    forward = method_of(layer, FORWARD)
    return Protocol(convention, forward or "forward", method_of(layer, (*BACKWARD, *DERIVATIVE)))
