"""Losses: recognised, and refused with the reason."""

from __future__ import annotations

from typing import Any

from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.vocabulary import LABELS, LOSS_WORDS, WEAK_LABELS, normal
from layercheck.errors import TargetError


def is_loss(layer: Any, forward: str, backward: str | None) -> bool:
    """Whether the passes are those of a loss: labels come in, no upstream gradient does."""
    if backward is None:
        return False
    inputs = signature_of(getattr(layer, forward)).required
    taken = signature_of(getattr(layer, backward))
    if any(normal(name) in LABELS for name in taken.required):
        return True
    if taken.variable or taken.takes_any_keyword:
        return False
    named = any(word in normal(type(layer).__name__) for word in LOSS_WORDS)
    labels = any(normal(name) in LABELS | WEAK_LABELS for name in inputs[1:])
    if len(inputs) >= 2 and (named or labels) and not taken.required:
        return True
    return (
        len(inputs) >= 2 and named and any(normal(name) in LABELS | WEAK_LABELS for name in inputs)
    )


def refuse_loss(request: Request, layer: Any, forward: str, backward: str | None) -> None:
    """Raise `TargetError` for a loss, and for a backward that takes no upstream gradient."""
    if backward is None:
        return
    taken = signature_of(getattr(layer, backward))
    if is_loss(layer, forward, backward):
        raise TargetError(
            f"{request.name} is a loss: it compares with labels, and its {backward}() takes no "
            "upstream gradient of an output. layercheck checks layers; check what comes before "
            "the loss."
        )
    if not taken.positional and not taken.variable and not taken.keywords:
        raise TargetError(
            f"{backward}() of {request.name} takes no upstream gradient, so it is a loss or no "
            f"layer. Write {backward}(self, dout), which multiplies the derivative by dout."
        )
