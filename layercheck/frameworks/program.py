"""A program: a framework's layer as one pass and its pull-back; and the live layer made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np

from layercheck.layout import Layout
from layercheck.randomness import Generators, State
from layercheck.subject import Array, Arrays, Gradients, Instance, Mode, Pass


@dataclass(frozen=True)
class Recorded:
    """What one pass of a program gave.

    Parameters
    ----------
    outputs, states : tuple of arrays
    tape : object
        What `Program.pull_back` needs; None where recording was not asked for.
    """

    outputs: Arrays
    states: Arrays
    tape: Any = None


class Program(Protocol):
    """A layer of a framework, in one dtype, as its plugin drives it.

    All arrays that come and go are NumPy arrays. Where the framework can use their memory it
    does, so that what the layer writes into its arguments is seen.

    Attributes
    ----------
    layer : object
        The user's object: copies of it are put here, and run.
    """

    layer: Any

    def copied(self) -> Program:
        """Return a program that shares nothing with this one that the layer writes to."""

    def generators(self) -> tuple[Any, ...]:
        """The random generators that the layer may draw from: NumPy's, and `RandomSource`."""

    def learnables(self) -> Arrays:
        """The learnables that the layer holds now."""

    def states(self) -> Arrays:
        """The states that it holds now."""

    def run(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: Mode, *, record: bool
    ) -> Recorded:
        """Run one pass with these values; raises `LayerError` where the layer does."""

    def pull_back(self, tape: Any, upstream: Arrays, state_upstream: Arrays | None) -> Gradients:
        """Run backward; a second time too. None where the framework gives no gradient."""


class DifferentiableProgram(Program, Protocol):
    """A program whose framework has forward mode, or gradients of gradients."""

    def push_forward(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: Mode, along: Gradients
    ) -> tuple[Arrays, Arrays]:
        """See `Differentiable.push_forward`."""

    def pull_back_twice(
        self,
        learnables: Arrays,
        states: Arrays,
        inputs: Arrays,
        mode: Mode,
        upstream: Arrays,
        along: Gradients,
    ) -> tuple[Gradients, Arrays, Gradients]:
        """See `Differentiable.pull_back_twice`."""


@dataclass
class _Memory:
    """A pass, and what it takes to run it again; its tape, once it was recorded."""

    learnables: Arrays
    states: Arrays
    inputs: Arrays
    mode: Mode
    before: State
    tape: Any = None


class ProgramInstance:
    """One live layer, made of a program.

    A copy of a pass runs the forward again on a copy of the layer as it was at first: so
    backward may write into what forward kept, and is still a pure function.

    Parameters
    ----------
    template : Program
        It is copied and never run.
    pure : bool
        Passes and backward leave no trace outside what they return: a pass is recorded once, and
        only when backward first asks for it.
    """

    def __init__(self, template: Program, *, pure: bool = False) -> None:
        self._template = template
        self._pure = pure
        self._program = template.copied()
        self._learnables = _copies(template.learnables())
        self._states = _copies(template.states())

    @property
    def layer(self) -> Any:
        """The user's object."""
        return self._program.layer

    @layer.setter
    def layer(self, layer: Any) -> None:
        self._program.layer = layer

    @property
    def program(self) -> Program:
        """What the plugin made of the layer, for checks of its own."""
        return self._program

    def roots(self) -> tuple[Any, ...]:
        """The generators that the layer may draw from."""
        return self._program.generators()

    def assign(self, learnables: Sequence[Array], states: Sequence[Array]) -> None:
        """Keep copies of the values, which the next pass runs with."""
        self._learnables, self._states = _copies(learnables), _copies(states)

    def learnables(self) -> Arrays:
        """The learnables of the next pass, in whose memory the layer computes."""
        return self._learnables

    def states(self) -> Arrays:
        """The states of the next pass."""
        return self._states

    def run(self, inputs: Sequence[Array], mode: Mode) -> Pass:
        """Run one pass."""
        given = tuple(inputs)
        kept = _copies(self._learnables), _copies(self._states), _copies(given)
        memory = _Memory(*kept, mode, Generators(*self.roots()).state())
        recorded = self._program.run(
            self._learnables, self._states, given, mode, record=not self._pure
        )
        self._states, memory.tape = recorded.states, recorded.tape
        return Pass(mode, given, recorded.outputs, memory)

    def pull_back(
        self, done: Pass, upstream: Sequence[Array], state_upstream: Sequence[Array] | None = None
    ) -> Gradients:
        """Run backward; what the framework gives no gradient for gets zeros."""
        memory: _Memory = done.memory
        if memory.tape is None:
            memory.tape = self._recorded_again(memory)
        states = None if state_upstream is None else tuple(state_upstream)
        found = self._program.pull_back(memory.tape, tuple(upstream), states)
        return Gradients(
            tuple(map(_or_zeros, found.inputs, done.inputs)),
            tuple(map(_or_zeros, found.learnables, memory.learnables)),
            None if found.states is None else tuple(map(_or_zeros, found.states, memory.states)),
        )

    def _recorded_again(self, memory: _Memory) -> Any:
        generators = Generators(*self.roots())
        with generators.preserved():
            generators.restore(memory.before)
            recorded = self._program.run(
                _copies(memory.learnables),
                _copies(memory.states),
                _copies(memory.inputs),
                memory.mode,
                record=True,
            )
        return recorded.tape

    def pull_back_all(
        self, dones: Sequence[Pass], upstreams: Sequence[Sequence[Array]]
    ) -> tuple[Gradients, ...]:
        """Never called: no framework keeps several forwards in one object."""
        raise NotImplementedError

    def reset(self) -> None:
        """Do nothing: no framework has a method that every layer resets its states with."""

    def clear_gradients(self) -> None:
        """Do nothing: gradients are returned."""

    def copied(self, done: Pass) -> tuple[Instance, Pass]:
        """Return a copy, whose backward records the pass again."""
        copy = ProgramInstance(self._template, pure=self._pure)
        copy.assign(self._learnables, self._states)
        if self._pure:
            return copy, done
        return copy, replace(done, memory=replace(done.memory, tape=None))

    def push_forward(
        self, inputs: Sequence[Array], mode: Mode, directions: Gradients
    ) -> tuple[Arrays, Arrays]:
        """Return the outputs and their derivatives along `directions`."""
        program = cast(DifferentiableProgram, self._program)
        return program.push_forward(self._learnables, self._states, tuple(inputs), mode, directions)

    def pull_back_twice(
        self, inputs: Sequence[Array], mode: Mode, upstream: Sequence[Array], directions: Gradients
    ) -> tuple[Gradients, Arrays, Gradients]:
        """Differentiate the gradients of one pass."""
        program = cast(DifferentiableProgram, self._program)
        return program.pull_back_twice(
            self._learnables, self._states, tuple(inputs), mode, tuple(upstream), directions
        )


def program_builder(
    make: Callable[[np.dtype[Any], tuple[Layout, ...]], Program], *, pure: bool = False
) -> Callable[[np.dtype[Any], tuple[Layout, ...]], Instance]:
    """Return the `Subject.build` of a program.

    Parameters
    ----------
    make : callable, (dtype, layouts) -> Program
        A program in a dtype, initialised for the layouts; called once for each.
    pure : bool
        See `ProgramInstance`.
    """
    templates: dict[tuple[Any, ...], Program] = {}

    def build(dtype: np.dtype[Any], layouts: tuple[Layout, ...]) -> Instance:
        key = (dtype, layouts)
        if key not in templates:
            templates[key] = make(dtype, layouts)
        return ProgramInstance(templates[key], pure=pure)

    return build


def write_back(array: Array, values: Array) -> None:
    """Write what a pass left in its copy of an argument into the argument, if that may be written.

    A read-only one is how the line that writes is looked for.
    """
    if array.flags.writeable:
        np.copyto(array, values, casting="unsafe")


def _copies(arrays: Sequence[Array]) -> Arrays:
    return tuple(np.array(array) for array in arrays)


def _or_zeros(gradient: Any, value: Any) -> Any:
    if gradient is None and np.asarray(value).dtype.kind in "fc":
        return np.zeros_like(value)
    return gradient
