"""A layer of PyTorch in one dtype: one pass, its pull-back, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from layercheck import Gradients, Recorded, ReturnError, call_layer, flatten, write_back
from layercheck_torch.arguments import Arguments
from layercheck_torch.arrays import enter, is_tensor, to_array, to_tensor
from layercheck_torch.autograd import gradients_of
from layercheck_torch.copies import copied
from layercheck_torch.explaining import explained
from layercheck_torch.holding import Holding
from layercheck_torch.random import generators_of
from layercheck_torch.settings import environment_kept, kept
from layercheck_torch.tangents import pushed_forward
from layercheck_torch.twice import differentiated_twice


@dataclass(frozen=True)
class Tape:
    """The leaves of a pass, and what was computed from them."""

    inputs: tuple[Any, ...]
    learnables: tuple[Any, ...]
    outputs: tuple[Any, ...]


@dataclass(frozen=True)
class Plan:
    """How a layer is driven.

    Parameters
    ----------
    call : callable, layer -> callable
        What is called with the arguments: the module, ``apply`` of a function.
    names : tuple of str
        The inputs.
    arguments : Arguments
    holding : Holding
    generated : tuple of (name, array)
        Learnables that are arguments of the call.
    called : str
        The call, for messages.
    """

    call: Callable[[Any], Callable[..., Any]]
    names: tuple[str, ...]
    arguments: Arguments
    holding: Holding = field(default_factory=Holding)
    generated: tuple[tuple[str, Any], ...] = ()
    called: str = "forward()"


class TorchProgram:
    """A layer in one dtype."""

    def __init__(self, layer: Any, plan: Plan, dtype: np.dtype[Any]) -> None:
        self.layer = layer
        self.plan = plan
        self.dtype = dtype

    def copied(self) -> TorchProgram:
        """Return a program of a deep copy."""
        return TorchProgram(copied(self.layer), self.plan, self.dtype)

    def generators(self) -> tuple[Any, ...]:
        """PyTorch's default generator, and those that the layer holds."""
        return generators_of(self.layer)

    def learnables(self) -> tuple[Any, ...]:
        """The parameters, then the learnables that are arguments."""
        generated = tuple(value.astype(self.dtype) for _, value in self.plan.generated)
        return (*self.plan.holding.learnable_values(self.layer), *generated)

    def states(self) -> tuple[Any, ...]:
        """The buffers that the passes update."""
        return self.plan.holding.state_values(self.layer)

    def run(
        self, learnables: Any, states: Any, inputs: Any, mode: str, *, record: bool
    ) -> Recorded:
        """Run the layer in training or evaluation mode."""
        entered = [enter(x) for x in inputs]
        holding = self.plan.holding
        held = holding.put_learnables(self.layer, learnables[: len(holding.learnables)])
        generated = [enter(w) for w in learnables[len(held) :]]
        outputs = self.outputs_of([x for _, x in (*entered, *generated)], states, mode)
        _keep_written(held, learnables)
        tape = Tape(
            tuple(leaf for leaf, _ in entered),
            (*held, *(leaf for leaf, _ in generated)),
            outputs,
        )
        arrays = tuple(map(to_array, outputs))
        return Recorded(arrays, holding.state_values(self.layer), tape)

    def outputs_of(self, tensors: Sequence[Any], states: Any, mode: str) -> tuple[Any, ...]:
        """Return the tensors that a call with these ones gives; None leaves the states alone."""
        plan, layer = self.plan, self.layer
        if states is not None:
            plan.holding.put_states(layer, states)
        names = (*plan.names, *(name for name, _ in plan.generated))
        given = dict(zip(names, tensors, strict=True))

        def forward() -> Any:
            if isinstance(layer, torch.nn.Module):
                layer.train(mode == "forward")
            with environment_kept():
                return plan.arguments.call(plan.call(layer), given, self.dtype)

        with kept(), explained():
            result = call_layer(plan.called, forward)
        _, outputs = flatten(result, is_tensor)
        if not outputs:
            raise ReturnError(plan.called, f"returned {_kind(result)}; expected a tensor")
        return outputs

    def pull_back(self, tape: Tape, upstream: Any, state_upstream: Any) -> Gradients:
        """Run autograd from the outputs to the inputs and parameters."""
        leaves = (*tape.inputs, *tape.learnables)
        found = gradients_of(tape.outputs, leaves, tuple(map(to_tensor, upstream)))
        values = tuple(None if g is None else to_array(g) for g in found)
        return Gradients(values[: len(tape.inputs)], values[len(tape.inputs) :])

    def push_forward(
        self, learnables: Any, states: Any, inputs: Any, mode: str, along: Gradients
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Run the layer on dual numbers."""
        return pushed_forward(self, self.plan, learnables, states, inputs, mode, along)

    def pull_back_twice(
        self,
        learnables: Any,
        states: Any,
        inputs: Any,
        mode: str,
        upstream: Any,
        along: Gradients,
    ) -> tuple[Gradients, tuple[Any, ...], Gradients]:
        """Differentiate the gradients by autograd."""
        given = tuple(np.array(x) for x in inputs)
        recorded = self.run(learnables, states, given, mode, record=True)
        return differentiated_twice(recorded.tape, upstream, along)


def _keep_written(held: Sequence[Any], values: Sequence[Any]) -> None:
    """Write the values of parameters that were given other memory into the arrays they had."""
    for tensor, value in zip(held, values, strict=False):
        now = to_array(tensor)
        if now.shape == value.shape and not np.shares_memory(now, value):
            write_back(value, now)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
