"""``torch.nn.Module`` as a subject: parameters are learnables, buffers are states."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from layercheck import (
    Facts,
    Gradients,
    Layout,
    Recorded,
    Request,
    Slot,
    Source,
    Subject,
    call_layer,
    input_names,
    program_builder,
)
from layercheck_torch.random import TorchGenerator


@dataclass(frozen=True)
class _Tape:
    inputs: tuple[Any, ...]
    learnables: tuple[Any, ...]
    outputs: tuple[Any, ...]


class ModuleProgram:
    """A module in one dtype."""

    def __init__(self, module: Any) -> None:
        self.layer = module

    def copied(self) -> ModuleProgram:
        """Return a program of a deep copy."""
        return ModuleProgram(copy.deepcopy(self.layer))

    def generators(self) -> tuple[Any, ...]:
        """PyTorch's default generator."""
        return (TorchGenerator(),)

    def learnables(self) -> tuple[Any, ...]:
        """The parameters."""
        return tuple(p.detach().numpy() for p in self.layer.parameters())

    def states(self) -> tuple[Any, ...]:
        """The buffers."""
        return tuple(b.detach().numpy() for b in self.layer.buffers())

    def run(
        self, learnables: Any, states: Any, inputs: Any, mode: str, *, record: bool
    ) -> Recorded:
        """Run the module in training or evaluation mode."""
        module = self.layer.train(mode == "forward")
        for parameter, value in zip(module.parameters(), learnables, strict=True):
            parameter.data = torch.from_numpy(value)
        for buffer, value in zip(module.buffers(), states, strict=True):
            buffer.data = torch.from_numpy(value)
        leaves = tuple(torch.from_numpy(np.ascontiguousarray(x)) for x in inputs)
        for leaf in leaves:
            leaf.requires_grad_(leaf.is_floating_point())
        outputs = call_layer("forward()", module, *leaves)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return Recorded(
            tuple(z.detach().numpy() for z in outputs),
            tuple(b.detach().numpy() for b in module.buffers()),
            _Tape(leaves, tuple(module.parameters()), outputs),
        )

    def pull_back(self, tape: _Tape, upstream: Any, state_upstream: Any) -> Gradients:
        """Run autograd."""
        leaves = (*tape.inputs, *tape.learnables)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        found = call_layer(
            "backward()",
            torch.autograd.grad,
            tape.outputs,
            wanted,
            tuple(map(torch.from_numpy, upstream)),
            retain_graph=True,
            allow_unused=True,
        )
        grads = dict(zip(map(id, wanted), found, strict=True))
        arrays = [grads.get(id(leaf)) for leaf in leaves]
        values = tuple(None if g is None else g.numpy() for g in arrays)
        return Gradients(values[: len(tape.inputs)], values[len(tape.inputs) :])


def adapt_module(request: Request) -> Subject:
    """Turn a module into a subject."""
    module = request.layer
    names = input_names(request, module.forward)
    layouts = request.ordered_layouts(names)

    def make(dtype: np.dtype[Any], at: tuple[Layout, ...]) -> ModuleProgram:
        kind = getattr(torch, dtype.name)
        return ModuleProgram(copy.deepcopy(module).to(kind))

    return Subject(
        name=request.name,
        framework="torch",
        convention="module",
        layer=module,
        source=request.source,
        sources={"forward": Source(request.source.file, request.source.line, "forward")},
        input_names=names,
        layouts=layouts,
        learnables=tuple(
            Slot(name, p.detach().numpy(), "parameter", "autograd")
            for name, p in module.named_parameters()
        ),
        states=tuple(
            Slot(name, b.detach().numpy(), "buffer") for name, b in module.named_buffers()
        ),
        facts=Facts(
            backward="autodiff",
            memory="handed over",
            outputs=request.output_layouts(1),
            mixes=request.declarations.mixes,
            claims_gpu=True,
        ),
        build=program_builder(make),
    )
