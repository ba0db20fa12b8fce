"""Gradients of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from layercheck import Gradients, LayerError
from layercheck_torch.arrays import has_gradient, to_array, to_tensor
from layercheck_torch.autograd import gradients_of

_ONCE = "torch::autograd::Error"


def differentiated_twice(
    tape: Any, upstream: Any, along: Gradients
) -> tuple[Gradients, tuple[Any, ...], Gradients]:
    """Return the gradients of a pass, and those of their sum along directions.

    The latter with respect to the upstream gradients, then inputs and learnables.
    """
    leaves = (*tape.inputs, *tape.learnables)
    ups = tuple(to_tensor(d) for d in upstream)
    ups = tuple(d.requires_grad_() if has_gradient(d) else d for d in ups)
    first = gradients_of(tape.outputs, leaves, ups, create_graph=True)
    _require_differentiable(first)
    directions = (*along.inputs, *along.learnables)
    terms = [
        torch.real(torch.sum(to_tensor(v).to(g.dtype).conj() * g))
        for g, v in zip(first, directions, strict=True)
        if g is not None and v is not None and g.requires_grad
    ]
    second: tuple[Any, ...] = (None,) * len((*ups, *leaves))
    if terms:
        total = torch.stack(terms).sum()
        second = gradients_of((total,), (*ups, *leaves), (torch.ones(()),))
    count = len(tape.inputs)
    return (
        _split(first, leaves, count),
        tuple(_array(g, like) for g, like in zip(second, ups, strict=False)),
        _split(second[len(ups) :], leaves, count),
    )


def _require_differentiable(gradients: Sequence[Any]) -> None:
    """Raise `LayerError` where a backward on the way says that it can be run once only.

    PyTorch puts a node there that raises, and connects it with nothing: asked for a gradient of
    what went into it, autograd says that there is none.
    """
    stack = [g.grad_fn for g in gradients if g is not None and g.grad_fn is not None]
    seen = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.name() == _ONCE:
            error = RuntimeError("a backward on the way is marked with @once_differentiable")
            raise LayerError("backward()", error)
        stack.extend(following for following, _ in node.next_functions if following is not None)


def _split(found: Any, leaves: Any, count: int) -> Gradients:
    values = [_array(g, leaf) for g, leaf in zip(found, leaves, strict=True)]
    return Gradients(tuple(values[:count]), tuple(values[count:]))


def _array(gradient: Any, like: Any) -> Any:
    if gradient is None:
        return to_array(torch.zeros_like(like)) if has_gradient(like) else None
    return to_array(gradient)
