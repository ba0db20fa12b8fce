"""A layer of MXNet in one dtype: one pass and its pull-back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import mxnet as mx
import numpy as np

from layercheck import Gradients, LayerError, Recorded, ReturnError, flatten
from layercheck_mxnet.arrays import fill, is_array, keep_written, to_mxnet, to_numpy
from layercheck_mxnet.explaining import called
from layercheck_mxnet.random import MxnetGenerator


@dataclass(frozen=True)
class Plan:
    """How a layer is driven.

    Parameters
    ----------
    call : callable, (layer, arrays) -> object
        Calls the layer with its inputs, then the learnables that are arguments.
    learnables, states : tuple of str
        Names of parameters.
    generated : tuple of arrays
        Learnables that are arguments of the call.
    numpy_like : bool
        It computes with ``mx.np`` arrays.
    draws : bool
        It draws random numbers, or seeds the generator.
    called : str
        The call, for messages.
    """

    call: Callable[[Any, Sequence[Any]], Any]
    learnables: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    generated: tuple[np.ndarray, ...] = ()
    numpy_like: bool = False
    draws: bool = True
    called: str = "forward()"


@dataclass(frozen=True)
class Tape:
    """The arrays that a pass began with, those it ended with, and what it takes to record it again.

    MXNet's backward is right once for each recording: the second one of dropout is another.
    """

    inputs: tuple[Any, ...]
    learnables: tuple[Any, ...]
    outputs: tuple[Any, ...]
    training: bool
    again: Callable[[], tuple[MxnetProgram, Tape]]
    spent: list[bool] = field(default_factory=list)


class MxnetProgram:
    """A layer in one dtype."""

    def __init__(self, layer: Any, plan: Plan, dtype: np.dtype[Any], template: Any = None) -> None:
        self.layer = layer
        self._template = layer if template is None else template
        self._plan = plan
        self._dtype = dtype

    def copied(self) -> MxnetProgram:
        """Return a program of a deep copy."""
        return MxnetProgram(copy.deepcopy(self.layer), self._plan, self._dtype, self._template)

    def generators(self) -> tuple[Any, ...]:
        """MXNet's generator, where the layer uses it."""
        return (MxnetGenerator(),) if self._plan.draws else ()

    def learnables(self) -> tuple[Any, ...]:
        """The parameters, then the learnables that are arguments."""
        generated = tuple(value.astype(self._dtype) for value in self._plan.generated)
        return (*self._values(self._plan.learnables), *generated)

    def states(self) -> tuple[Any, ...]:
        """The auxiliary parameters."""
        return self._values(self._plan.states)

    def _values(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(to_numpy(p.data()) for p in self._parameters(names))

    def _parameters(self, names: tuple[str, ...]) -> list[Any]:
        if not names:
            return []
        known = self.layer._collect_params_with_prefix()
        return [known[name] for name in names]

    def run(
        self, learnables: Any, states: Any, inputs: Any, mode: str, *, record: bool
    ) -> Recorded:
        """Run the layer in training or prediction mode.

        Running statistics are updated in backward, whatever the upstream gradients: they are
        those of a second round of both.
        """
        tape = self._recorded(learnables, states, inputs, mode == "forward")
        results = tuple(map(to_numpy, tape.outputs))
        after = self.states()
        if tape.training and self._plan.states:
            program, again = tape.again()
            program.pull_back(again, [np.zeros_like(z) for z in results], None)
            after = program.states()
        return Recorded(results, after, tape if record else None)

    def run_once(self, learnables: Any, states: Any, inputs: Any) -> tuple[Any, ...]:
        """Run one training pass, whatever it leaves; return the outputs."""
        tape = self._recorded(learnables, states, inputs, training=True)
        return tuple(map(to_numpy, tape.outputs))

    def _recorded(
        self,
        learnables: Any,
        states: Any,
        inputs: Any,
        training: bool,
        stand: Sequence[Any] | None = None,
    ) -> Tape:
        """Run and record; `stand` is where the generators stood before, if it was run already."""
        plan = self._plan
        first = [[np.array(v) for v in values] for values in (learnables, states, inputs)]
        if stand is None:
            stand = [generator.state() for generator in self.generators()]
        else:
            self._restore(stand)
        held = self._put(plan.learnables, learnables)
        for array in held:
            if array.grad is None:  # as in copies of parameters
                array.attach_grad()
        self._put(plan.states, states)
        arrays = [self._entered(x) for x in (*inputs, *learnables[len(held) :])]
        outputs = self._outputs(arrays, training)
        given = [*inputs, *learnables[len(held) :], *learnables[: len(held)]]
        for array, values in zip((*arrays, *held), given, strict=True):
            keep_written(array, values)

        def again() -> tuple[MxnetProgram, Tape]:
            layer = copy.deepcopy(self._template)
            program = MxnetProgram(layer, plan, self._dtype, self._template)
            now = [generator.state() for generator in self.generators()]
            tape = program._recorded(first[0], first[1], first[2], training, stand)
            self._restore(now)
            return program, tape

        count = len(inputs)
        leaves = (*held, *arrays[count:])
        return Tape(tuple(arrays[:count]), leaves, outputs, training, again)

    def _restore(self, states: Sequence[Any]) -> None:
        for generator, state in zip(self.generators(), states, strict=True):
            generator.restore(state)

    def _put(self, names: tuple[str, ...], values: Sequence[Any]) -> tuple[Any, ...]:
        arrays = tuple(p.data() for p in self._parameters(names))
        for array, value in zip(arrays, values, strict=False):
            fill(array, value)
        return arrays

    def _entered(self, values: Any) -> Any:
        array = to_mxnet(values, numpy_like=self._plan.numpy_like)
        if np.asarray(values).dtype.kind == "f":
            array.attach_grad()
        return array

    def _outputs(self, arrays: Sequence[Any], training: bool) -> tuple[Any, ...]:
        plan = self._plan

        def forward() -> tuple[Any, tuple[Any, ...]]:
            with mx.autograd.record(train_mode=training):
                result = plan.call(self.layer, arrays)
            _, found = flatten(result, is_array)
            for output in found:
                output.wait_to_read()
            return result, found

        result, outputs = called(plan.called, forward)
        if not outputs:
            kind = "None" if result is None else f"a value of type {type(result).__name__}"
            raise ReturnError(plan.called, f"returned {kind}; expected an NDArray")
        return tuple(outputs)

    def pull_back(self, tape: Tape, upstream: Any, state_upstream: Any) -> Gradients:
        """Run backward from the outputs to the inputs and parameters."""
        found = self._pull(tape, upstream)
        count = len(tape.inputs)
        return Gradients(found[:count], found[count:])

    def _pull(self, tape: Tape, upstream: Sequence[Any]) -> tuple[Any, ...]:
        tape = tape.again()[1] if tape.spent else tape
        tape.spent.append(True)
        leaves = (*tape.inputs, *tape.learnables)
        for leaf in leaves:
            if leaf.grad is not None:
                leaf.grad[:] = 0
        given: dict[int, tuple[Any, Any]] = {}
        for z, d in zip(tape.outputs, upstream, strict=True):
            if np.dtype(z.dtype).kind == "f":  # one array may be two outputs
                before = given[id(z)][1] if id(z) in given else 0
                given[id(z)] = z, before + to_mxnet(d, numpy_like=self._plan.numpy_like)
        pairs = list(given.values())
        for joint in (pairs, *([pair] for pair in pairs)):
            try:
                called("backward()", _backward, joint, tape.training)
            except LayerError as error:
                if _NO_GRAPH not in str(error):  # else an output depends on nothing
                    raise
                continue
            if joint is pairs:
                break
        return tuple(None if leaf.grad is None else to_numpy(leaf.grad) for leaf in leaves)


_NO_GRAPH = "not in a computational graph"


def _backward(pairs: Sequence[tuple[Any, Any]], training: bool) -> None:
    heads, upstream = [z for z, _ in pairs], [d for _, d in pairs]
    mx.autograd.backward(heads, upstream, retain_graph=True, train_mode=training)
    mx.nd.waitall()
