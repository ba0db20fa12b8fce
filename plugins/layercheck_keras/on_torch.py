"""Keras on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from layercheck import call_layer

Leaves = tuple[Any, ...]
Call = Callable[[Leaves], tuple[Leaves, Leaves]]


@dataclass(frozen=True)
class Tape:
    """A recorded pass."""

    outputs: Leaves
    leaves: Leaves


class TorchEngine:
    """Differentiates by autograd."""

    def precision(self, dtype: np.dtype[Any]) -> AbstractContextManager[Any]:
        """Return a context in which the dtype can be used: any."""
        return nullcontext()

    def tensor(self, array: Any) -> Any:
        """Return a tensor that shares the array's memory where it can."""
        array = np.asarray(array)
        usable = array.flags.writeable and all(step >= 0 for step in array.strides)
        if array.dtype == np.uint32:
            return torch.from_numpy(array.astype(np.int64))
        return torch.from_numpy(array if usable else array.copy())

    def array(self, tensor: Any) -> np.ndarray:
        """Return the values of a tensor."""
        return np.array(tensor.detach().cpu().resolve_conj().numpy())

    def is_tensor(self, value: Any) -> bool:
        """Whether a value is a tensor."""
        return isinstance(value, torch.Tensor)

    def run(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves]:
        """Run without recording."""
        with torch.no_grad():
            return call(leaves)

    def record(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves, Tape]:
        """Run and record."""
        for leaf in leaves:
            if _is_differentiable(leaf):
                leaf.requires_grad_(True)
        outputs, states = call(leaves)
        return outputs, states, Tape(outputs, leaves)

    def pull_back(self, tape: Tape, upstream: Leaves) -> list[Any]:
        """Return the gradient of every leaf, None where there is none."""
        found = call_layer("backward()", _gradients, tape, tuple(map(self.tensor, upstream)))
        return [None if d is None else self.array(d) for d in found]

    def push_forward(
        self, call: Call, leaves: Leaves, along: Sequence[Any]
    ) -> tuple[Leaves, list[Any]]:
        """Return the outputs and their derivatives along directions."""
        with forward_ad.dual_level():
            moved = tuple(
                forward_ad.make_dual(leaf.detach(), self.tensor(v)) if _moves(leaf, v) else leaf
                for leaf, v in zip(leaves, along, strict=True)
            )
            outputs, _ = call(moved)
            pairs = [forward_ad.unpack_dual(z) for z in outputs]
            found = [None if t is None else self.array(t) for _, t in pairs]
            return tuple(z.detach() for z, _ in pairs), found

    def pull_back_twice(
        self, call: Call, leaves: Leaves, upstream: Leaves, along: Sequence[Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the gradients, and those of their product with directions."""
        given = tuple(
            self.tensor(d).requires_grad_(_is_differentiable(self.tensor(d))) for d in upstream
        )
        _, _, tape = self.record(call, leaves)
        first = call_layer("backward()", _gradients, tape, given, again=True)
        terms = [
            (d * self.tensor(v)).sum()
            for leaf, d, v in zip(leaves, first, along, strict=True)
            if d is not None and _moves(leaf, v) and d.requires_grad
        ]
        arrays = [None if d is None else self.array(d) for d in first]
        if not terms:
            return arrays, [np.zeros_like(d) for d in upstream], [None] * len(leaves)
        total = torch.stack(terms).sum()
        wanted = [leaf for leaf in (*given, *leaves) if leaf.requires_grad]
        second = call_layer("backward()", torch.autograd.grad, total, wanted, allow_unused=True)
        by_leaf = dict(zip(map(id, wanted), second, strict=True))
        values = [by_leaf.get(id(leaf)) for leaf in (*given, *leaves)]
        parts = [None if d is None else self.array(d) for d in values]
        of_upstream = [
            np.zeros_like(d) if g is None else g
            for g, d in zip(parts[: len(given)], upstream, strict=True)
        ]
        return arrays, of_upstream, parts[len(given) :]


def _is_differentiable(leaf: Any) -> bool:
    return bool(leaf.is_floating_point() or leaf.is_complex())


def _moves(leaf: Any, direction: Any) -> bool:
    return direction is not None and _is_differentiable(leaf)


def _gradients(tape: Tape, upstream: Leaves, *, again: bool = False) -> list[Any]:
    pairs = [
        (z, d.to(z.dtype)) for z, d in zip(tape.outputs, upstream, strict=True) if z.requires_grad
    ]
    wanted = [leaf for leaf in tape.leaves if leaf.requires_grad]
    if not pairs or not wanted:
        return [None] * len(tape.leaves)
    outputs, given = [z for z, _ in pairs], [d for _, d in pairs]
    found = torch.autograd.grad(
        outputs, wanted, given, retain_graph=True, allow_unused=True, create_graph=again
    )
    by_leaf = dict(zip(map(id, wanted), found, strict=True))
    return [by_leaf.get(id(leaf)) for leaf in tape.leaves]
