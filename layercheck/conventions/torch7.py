"""Backward gets the input again, as in torch7.

``backward(input, gradOutput)``, or ``updateOutput``, ``updateGradInput``, ``accGradParameters``
and ``zeroGradParameters``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layercheck.calling import call_layer
from layercheck.conventions.calls import read_roles
from layercheck.conventions.objects import Protocol, adapt_object
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.stateful import protocol_of
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, FORWARD
from layercheck.layout import Layout
from layercheck.subject import Subject

CONVENTION = "torch7"
LOOKS_LIKE = "`backward(input, gradOutput)`; `updateOutput`, `updateGradInput`, `accGradParameters`"
_ZERO = "zeroGradParameters"


def recognise(layer: Any) -> bool:
    """Whether backward takes the input before the upstream gradient."""
    forward, backward = method_of(layer, FORWARD), method_of(layer, BACKWARD)
    if isinstance(layer, type) or forward is None or backward is None:
        return False
    if callable(getattr(layer, "updateGradInput", None)):
        return True
    inputs = signature_of(getattr(layer, forward)).required
    roles = read_roles(signature_of(getattr(layer, backward)), inputs)
    return [role for role, _ in roles][:2] == ["input", "upstream"]


def adapt(request: Request) -> Subject:
    """Turn a torch7 layer into a subject."""
    protocol = protocol_of(request.layer, CONVENTION)
    return adapt_object(
        request,
        replace(protocol, prepare=_zero, roles=("input", "upstream"), then=_accumulation(protocol)),
    )


def _accumulation(protocol: Protocol) -> str | None:
    """Return the second half of backward, where it has no name of its own."""
    return "accGradParameters" if protocol.backward == "updateGradInput" else None


def _zero(layer: Any, layouts: tuple[Layout, ...]) -> None:
    """Empty the gradient buffers, as training does before each batch."""
    if callable(getattr(layer, _ZERO, None)):
        call_layer(f"{_ZERO}()", layer.zeroGradParameters)
