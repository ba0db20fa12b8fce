"""Where the learnables and states of a layer are, and how values are put there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from layercheck_torch.arrays import to_array, to_tensor
from layercheck_torch.tree import own_tensors


@dataclass(frozen=True)
class Holding:
    """The tensors of a layer that the passes are functions of.

    Parameters
    ----------
    learnables : tuple of str
        Dotted names of parameters, or of tensors that require a gradient.
    states : tuple of tuple of str
        The names of each state; several where it is registered several times.
    """

    learnables: tuple[str, ...] = ()
    states: tuple[tuple[str, ...], ...] = ()

    def learnable_tensors(self, layer: Any) -> tuple[Any, ...]:
        """Return the live tensors of the learnables."""
        if not self.learnables:
            return ()
        known = named_learnables(layer)
        return tuple(known[name] for name in self.learnables)

    def learnable_values(self, layer: Any) -> tuple[Any, ...]:
        """Return copies of the learnables' values."""
        return tuple(np.array(to_array(t)) for t in self.learnable_tensors(layer))

    def state_values(self, layer: Any) -> tuple[Any, ...]:
        """Return the states' values, in their own memory."""
        return tuple(to_array(_look_up(layer, names[0])) for names in self.states)

    def put_learnables(self, layer: Any, values: Sequence[Any]) -> tuple[Any, ...]:
        """Let the learnables compute in the memory of `values`; return their tensors."""
        tensors = self.learnable_tensors(layer)
        for tensor, value in zip(tensors, values, strict=True):
            shared = to_tensor(value)
            if tensor.data_ptr() != shared.data_ptr() or tensor.dtype != shared.dtype:
                tensor.data = shared
            tensor.grad = None
        return tensors

    def put_states(self, layer: Any, values: Sequence[Any]) -> None:
        """Put tensors of the values in the states' places."""
        for names, value in zip(self.states, values, strict=True):
            tensor = to_tensor(value)
            for name in names:
                owner, last = _owner(layer, name)
                setattr(owner, last, tensor)


def named_learnables(layer: Any) -> dict[str, Any]:
    """Return parameters that require a gradient; of a plain object, tensors that do."""
    if isinstance(layer, torch.nn.Module):
        return {name: p for name, p in layer.named_parameters() if p.requires_grad}
    return {
        name: tensor
        for name, tensor in own_tensors(layer).items()
        if tensor.requires_grad and tensor.is_leaf
    }


def named_states(layer: Any) -> dict[str, tuple[str, ...]]:
    """Return the names of each buffer, by its first name."""
    if not isinstance(layer, torch.nn.Module):
        return {}
    names: dict[int, list[str]] = {}
    for name, buffer in layer.named_buffers(remove_duplicate=False):
        names.setdefault(id(buffer), []).append(name)
    return {found[0]: tuple(found) for found in names.values()}


def has_value(layer: Any, name: str) -> bool:
    """Whether a dotted name is that of a tensor now."""
    try:
        return isinstance(_look_up(layer, name), torch.Tensor)
    except AttributeError:
        return False


def _owner(layer: Any, name: str) -> tuple[Any, str]:
    *path, last = name.split(".")
    for step in path:
        layer = getattr(layer, step)
    return layer, last


def _look_up(layer: Any, name: str) -> Any:
    owner, last = _owner(layer, name)
    return getattr(owner, last)
