"""The subject: a layer seen as pure functions, the only thing a check sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast

import numpy as np

from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.randomness import Generators, State, seeded_defaults

Array = Any
Arrays = tuple[Array, ...]
Mode = Literal["predict", "forward"]
Derived = TypeVar("Derived")


@dataclass(frozen=True)
class Slot:
    """A learnable or a state of a layer.

    Parameters
    ----------
    name : str
        The attribute path: ``W``, ``params.W``, ``fc1.W``.
    value : array
        Its value in the initialised layer, in the layer's own dtype.
    found : str
        How it was recognised, as in ``declared in learnables``.
    gradient : str or None
        Where its gradient is, as in ``attribute dW`` or ``returned by backward()``; None where
        none was found.
    recurrent : bool or None
        For a state: whether the training forward's output depends on it; None: not yet known.
    """

    name: str
    value: Array
    found: str
    gradient: str | None = None
    recurrent: bool | None = None


@dataclass(frozen=True)
class Pass:
    """One pass of one live layer: what went in, what came out, what backward will need."""

    mode: Mode
    inputs: Arrays
    outputs: Arrays
    memory: Any = None


@dataclass(frozen=True)
class Gradients:
    """What one backward returned, None where the layer gives none.

    `states` is None where backward takes no state upstream.
    """

    inputs: Arrays
    learnables: Arrays
    states: Arrays | None = None


class Instance(Protocol):
    """One live layer, driven as its user would drive it; nothing is copied or restored."""

    layer: Any

    def roots(self) -> tuple[Any, ...]:
        """Where the layer's own random generators may be."""

    def assign(self, learnables: Sequence[Array], states: Sequence[Array]) -> None:
        """Write copies of `learnables` and `states` into the layer."""

    def learnables(self) -> Arrays:
        """The live learnables, by reference."""

    def states(self) -> Arrays:
        """The live states, by reference."""

    def run(self, inputs: Sequence[Array], mode: Mode) -> Pass:
        """Run one pass; raises `LayerError` where the layer does."""

    def pull_back(
        self, done: Pass, upstream: Sequence[Array], state_upstream: Sequence[Array] | None = None
    ) -> Gradients:
        """Run backward for the pass `done`; raises `LayerError` where the layer does."""

    def pull_back_all(
        self, dones: Sequence[Pass], upstreams: Sequence[Sequence[Array]]
    ) -> tuple[Gradients, ...]:
        """Run one backward for several forwards, where `Facts.several_forwards` says so.

        Each result has the input gradients of one forward; the gradients of the learnables are
        the same in all: the sum over the forwards.
        """

    def reset(self) -> None:
        """Call the layer's own reset method."""

    def clear_gradients(self) -> None:
        """Empty buffers that add up over several backwards, as the layer's own method does."""

    def copied(self, done: Pass) -> tuple[Instance, Pass]:
        """Return a copy of the live layer as it is, and of one of its passes."""


class Differentiable(Instance, Protocol):
    """A live layer whose framework differentiates it in more than one way."""

    def push_forward(
        self, inputs: Sequence[Array], mode: Mode, directions: Gradients
    ) -> tuple[Arrays, Arrays]:
        """Return the outputs of one pass, and their derivatives along `directions`.

        Directions are arrays like the inputs and learnables, None where nothing moves.
        """

    def pull_back_twice(
        self, inputs: Sequence[Array], mode: Mode, upstream: Sequence[Array], directions: Gradients
    ) -> tuple[Gradients, Arrays, Gradients]:
        """Differentiate the gradients of one pass.

        Returns
        -------
        first : Gradients
            The gradients for `upstream`.
        of_upstream : tuple of arrays
            The gradient of sum(directions * first) with respect to each upstream gradient.
        second : Gradients
            The same with respect to inputs and learnables.
        """


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the pure function: its results, and the layer as the pass left it."""

    mode: Mode
    outputs: Arrays
    states: Arrays
    instance: Instance
    done: Pass
    generators: State

    def copied(self) -> tuple[Instance, Pass]:
        """Return a copy of the live layer as the pass left it, and of the pass."""
        return self.instance.copied(self.done)


@dataclass(frozen=True)
class Untraced:
    """Why no gradients can be derived for a layer that has no backward.

    Parameters
    ----------
    what : str
        With the line as its subject; where there is none, a reason by itself.
    remedy : str
    file, line : str or None, int or None
        The line of the user's that takes a value out of the trace.
    """

    what: str
    remedy: str = ""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Facts:
    """What was recognised about a layer.

    Parameters
    ----------
    one_pass : bool
        Predict and forward are the same function.
    backward : {"written", "autodiff", "none"}
    memory : {"handed over", "in the object"}
        Whether forward gives backward its memory, or keeps it on the layer.
    several_forwards : bool
        The convention keeps several forwards, and one backward serves them all.
    announces_update : bool
        Backward's signature or an optimiser attribute announces that it updates learnables.
    state_gradients : bool
        Backward takes state upstreams and returns state gradients.
    reset, initialize : bool
        The layer has such a method.
    clears_gradients : bool
        The layer has a method that empties its gradient buffers.
    outputs : tuple of Layout or None
        Declared output layouts; empty where none is declared.
    mixes : {None, "B", "B!"}
    learnable_gradients : {"sum", "mean"}
    signatures : tuple of str
        What is wrong with the signatures, found without calling anything.
    missing : tuple of str
        Learnables that are declared but not there.
    claims_gpu : bool
    keyed : bool
        Random numbers are drawn with a key that is an argument, so that the caller decides.
    dtypes : tuple of str
        The floating dtypes that the layer can compute in; empty where any will do.
    second_order, forward_mode : bool
        Its framework can differentiate the gradients, and push tangents forward: its live layers
        are `Differentiable`.
    untraced : Untraced or None
        Where there is no backward: why none could be derived.
    """

    one_pass: bool = False
    backward: Literal["written", "autodiff", "none"] = "written"
    memory: Literal["handed over", "in the object"] = "in the object"
    several_forwards: bool = False
    announces_update: bool = False
    state_gradients: bool = False
    reset: bool = False
    initialize: bool = False
    clears_gradients: bool = False
    outputs: tuple[Layout | None, ...] = ()
    mixes: Literal["B", "B!"] | None = None
    learnable_gradients: Literal["sum", "mean"] = "sum"
    signatures: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    claims_gpu: bool = False
    keyed: bool = False
    dtypes: tuple[str, ...] = ()
    second_order: bool = False
    forward_mode: bool = False
    untraced: Untraced | None = None


@dataclass(frozen=True)
class Subject:
    """A layer as pure functions of (inputs, learnables, states), and the facts about it.

    Parameters
    ----------
    build : callable, (dtype, layouts) -> Instance
        A new live layer, initialised for `layouts`, whose arrays are of `dtype`. Two instances
        share nothing that the layer writes to, except class attributes and module globals.
    sources : dict
        Where ``predict``, ``forward``, ``backward`` are written.
    layer : object
        The layer that was handed in, untouched.
    packages : tuple of str
        The packages that it is written with, as they are imported; NumPy is understood.
    fresh : callable, seed -> layer, optional
        Builds the user's object again, with other random numbers; None where it was handed in.
    """

    name: str
    framework: str
    convention: str
    layer: Any
    source: Source
    sources: dict[str, Source]
    input_names: tuple[str, ...]
    layouts: tuple[Layout, ...]
    learnables: tuple[Slot, ...]
    states: tuple[Slot, ...]
    facts: Facts
    build: Callable[[np.dtype[Any], tuple[Layout, ...]], Instance]
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    fresh: Callable[[int], Any] | None = None

    def evaluate(
        self,
        inputs: Sequence[Array],
        learnables: Sequence[Array],
        states: Sequence[Array],
        *,
        mode: Mode,
        dtype: np.dtype[Any],
        layouts: tuple[Layout, ...],
        seed: int,
    ) -> Evaluation:
        """Run one pass on a copy of the layer, with every generator set from `seed`."""
        instance = self.build(dtype, layouts)
        instance.assign(learnables, states)
        with _seeded(instance, seed):
            done = instance.run(tuple(_copy(x) for x in inputs), mode)
            stand = Generators(*instance.roots()).state()  # the pass may have made new ones
        return Evaluation(
            mode, done.outputs, tuple(_copy(s) for s in instance.states()), instance, done, stand
        )

    def differentiate(
        self,
        call: Callable[[Differentiable], Derived],
        learnables: Sequence[Array],
        states: Sequence[Array],
        *,
        dtype: np.dtype[Any],
        layouts: tuple[Layout, ...],
        seed: int,
    ) -> Derived:
        """Return what `call` does with a copy of the layer, seeded as `evaluate` seeds it.

        Only where the facts say second order or forward mode.
        """
        instance = self.build(dtype, layouts)
        instance.assign(learnables, states)
        with _seeded(instance, seed):
            return call(cast(Differentiable, instance))

    def pull_back(
        self,
        evaluation: Evaluation,
        upstream: Sequence[Array],
        state_upstream: Sequence[Array] | None = None,
    ) -> Gradients:
        """Run backward on a copy of the layer as `evaluation` left it.

        Random numbers go on from where the forward left them.
        """
        instance, done = evaluation.copied()
        generators = Generators(*instance.roots())
        with generators.preserved(), seeded_defaults(2**32 + 1):
            generators.restore(evaluation.generators)
            copies = tuple(_copy(d) for d in upstream)
            states = None if state_upstream is None else tuple(_copy(d) for d in state_upstream)
            return instance.pull_back(done, copies, states)


@contextmanager
def _seeded(instance: Instance, seed: int) -> Iterator[None]:
    """Set every generator of a live layer in the block, and put them back after it."""
    generators = Generators(*instance.roots())
    with generators.preserved():
        generators.seed(seed)
        with seeded_defaults(seed):
            yield


def _copy(array: Array) -> Array:
    return array.copy() if hasattr(array, "copy") else array
