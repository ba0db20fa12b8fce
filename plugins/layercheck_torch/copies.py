"""Deep copies of layers: also of those that hold results, locks and the like."""

from __future__ import annotations

import copy
import functools
import types
from typing import Any

import torch

from layercheck import call_layer
from layercheck_torch.tree import walk


def copied(layer: Any) -> Any:
    """Return a deep copy of a layer; a function is its own.

    Tensors that it computed and kept are copied by value. What cannot be copied is shared.
    """
    if not isinstance(layer, torch.nn.Module) and not hasattr(layer, "__dict__"):
        return layer
    if isinstance(layer, (type, types.FunctionType, types.MethodType, functools.partial)):
        return layer
    memo: dict[int, Any] = {}
    held = list(walk(layer))
    for _, value in held:
        if isinstance(value, torch.nn.parameter.UninitializedBuffer):
            memo[id(value)] = _blank(value)
        elif isinstance(value, torch.nn.parameter.UninitializedParameter):
            continue
        elif isinstance(value, torch.Tensor) and not value.is_leaf:
            memo[id(value)] = value.detach().clone()
    try:
        return copy.deepcopy(layer, dict(memo))
    except Exception:
        shared = {id(value): value for _, value in held if not _is_copyable(value)}
    return call_layer("copy.deepcopy()", copy.deepcopy, layer, memo | shared)


def _blank(buffer: Any) -> Any:
    """Return another buffer that waits for its shape; it has no copy of its own."""
    kind = type(buffer)
    return kind(buffer.requires_grad, device=buffer.device, dtype=buffer.dtype)


def _is_copyable(value: Any) -> bool:
    if isinstance(value, (torch.nn.Module, torch.Tensor, dict, list, tuple, set)):
        return True
    if type(value).__module__ == "builtins" or hasattr(value, "__dict__"):
        return True
    try:
        copy.deepcopy(value)
    except Exception:
        return False
    return True
