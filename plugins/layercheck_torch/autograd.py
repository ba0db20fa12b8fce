"""Gradients by autograd, of whatever depends on whatever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from layercheck import call_layer
from layercheck_torch.explaining import explained
from layercheck_torch.settings import kept


def gradients_of(
    outputs: Sequence[Any],
    leaves: Sequence[Any],
    upstream: Sequence[Any],
    *,
    create_graph: bool = False,
    is_grads_batched: bool = False,
) -> tuple[Any, ...]:
    """Return the gradient of each leaf, None where there is none.

    The graph is kept, so that backward can be run again.
    """
    pairs = [(z, d) for z, d in zip(outputs, upstream, strict=True) if z.requires_grad]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    if not pairs or not wanted:
        return (None,) * len(leaves)
    with kept(), explained():
        found = call_layer(
            "backward()",
            torch.autograd.grad,
            [z for z, _ in pairs],
            wanted,
            [d.to(z.dtype) for z, d in pairs],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=is_grads_batched,
        )
    grads = {id(leaf): g for leaf, g in zip(wanted, found, strict=True)}
    return tuple(grads.get(id(leaf)) for leaf in leaves)
