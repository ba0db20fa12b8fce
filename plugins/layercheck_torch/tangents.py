"""Forward mode: dual numbers through a layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from layercheck import Gradients, call_layer
from layercheck_torch.arrays import has_gradient, to_array, to_tensor


def pushed_forward(
    program: Any,
    plan: Any,
    learnables: Any,
    states: Any,
    inputs: Any,
    mode: str,
    along: Gradients,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the outputs of a pass, and their tangents along a direction."""
    own = program.copied()
    count = len(plan.holding.learnables)
    tensors = [to_tensor(np.array(a)) for a in (*inputs, *learnables[count:])]
    directions = (*along.inputs, *along.learnables[count:])
    with forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, where it loads its decompositions
        given = [_dual(x, v) for x, v in zip(tensors, directions, strict=True)]
        _replace(own.layer, plan.holding, learnables[:count], along.learnables[:count])
        outputs = own.outputs_of(given, states, mode)
        tangents = call_layer("forward mode", _tangents, outputs)
        arrays = tuple(to_array(forward_ad.unpack_dual(z).primal) for z in outputs)
    return arrays, tangents


def _dual(tensor: Any, direction: Any) -> Any:
    if direction is None or not has_gradient(tensor):
        return tensor
    return forward_ad.make_dual(tensor, to_tensor(np.array(direction)).to(tensor.dtype))


def _tangents(outputs: Sequence[Any]) -> tuple[Any, ...]:
    found = (forward_ad.unpack_dual(z).tangent for z in outputs)
    return tuple(
        to_array(torch.zeros_like(z) if t is None else t)
        for z, t in zip(outputs, found, strict=True)
    )


def _replace(layer: Any, holding: Any, values: Sequence[Any], directions: Sequence[Any]) -> None:
    """Put dual numbers in the places of parameters."""
    tensors = holding.learnable_tensors(layer)
    duals = {
        id(t): _dual(to_tensor(w), v) for t, w, v in zip(tensors, values, directions, strict=True)
    }
    for module in layer.modules() if isinstance(layer, torch.nn.Module) else ():
        for name, parameter in list(module._parameters.items()):
            if id(parameter) in duals:
                delattr(module, name)
                setattr(module, name, duals[id(parameter)])
