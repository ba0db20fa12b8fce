"""A module or function of TensorFlow as a program: values go into its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from layercheck import (
    Attributes,
    Gradients,
    LayerError,
    Recorded,
    call_layer,
    flatten,
    write_back,
)
from layercheck_tensorflow.engine import Tape, TensorflowEngine
from layercheck_tensorflow.explaining import explained
from layercheck_tensorflow.random import GeneratorObject, GlobalSeed

Arrays = tuple[Any, ...]
_ENGINE = TensorflowEngine()


class TensorflowProgram:
    """A layer in one dtype.

    All copies run one object, whose traces are kept: the variables are set before each pass,
    and attributes are put back after it.

    Parameters
    ----------
    layer : object
        The module or function.
    names : tuple of str
        Of the inputs.
    keywords : mapping
        Extra arguments.
    training : str or None
        The parameter that says whether it is training.
    in_graphs : bool
        Random numbers may be drawn inside of traced functions.
    """

    def __init__(
        self,
        layer: Any,
        names: tuple[str, ...],
        keywords: Mapping[str, Any],
        training: str | None = None,
        *,
        in_graphs: bool = False,
    ) -> None:
        self.layer = layer
        self._in_graphs = in_graphs
        self._made_of = layer
        self._names, self._keywords, self._training = names, keywords, training
        self._first = self._kept = Attributes(layer, opens)

    def copied(self) -> TensorflowProgram:
        """Return a program of the same object, as it was at first."""
        copy = TensorflowProgram.__new__(type(self))
        vars(copy).update(vars(self))
        copy._kept = self._first
        return copy

    def generators(self) -> tuple[Any, ...]:
        """The global seed, and the generators in the layer."""
        found = held(self.layer, tf.random.Generator)
        return (GlobalSeed(in_graphs=self._in_graphs), *map(GeneratorObject, found.values()))

    def learnables(self) -> Arrays:
        """The trainable variables."""
        return tuple(np.array(v) for v in learnables_of(self.layer).values())

    def states(self) -> Arrays:
        """The other variables."""
        return tuple(np.array(v) for v in states_of(self.layer).values())

    def run(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str, *, record: bool
    ) -> Recorded:
        """Run the layer with these values."""
        call, leaves = self.prepared(learnables, states, inputs, mode)
        with self.own():
            if record:
                outputs, after, tape = _ENGINE.record(call, leaves)
            else:
                (outputs, after), tape = _ENGINE.run(call, leaves), None
        arrays = tuple(map(_ENGINE.array, outputs))
        for old, variable in zip(learnables, learnables_of(self.layer).values(), strict=True):
            write_back(old, variable.numpy())  # a pass may have assigned to it
        return Recorded(arrays, tuple(map(_ENGINE.array, after)), tape)

    def pull_back(self, tape: Tape, upstream: Arrays, state_upstream: Any) -> Gradients:
        """Take the gradients of a recorded pass."""
        return self._gradients(_ENGINE.pull_back(tape, tuple(map(tf.constant, upstream))))

    def push_forward(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str, along: Gradients
    ) -> tuple[Arrays, Arrays]:
        """Push tangents forward."""
        call, leaves = self.prepared(learnables, states, inputs, mode)
        with self.own():
            outputs, found = _ENGINE.push_forward(call, leaves, (*along.inputs, *along.learnables))
        arrays = tuple(map(_ENGINE.array, outputs))
        pairs = zip(found, arrays, strict=True)
        return arrays, tuple(np.zeros_like(z) if t is None else t for t, z in pairs)

    def pull_back_twice(
        self,
        learnables: Arrays,
        states: Arrays,
        inputs: Arrays,
        mode: str,
        upstream: Arrays,
        along: Gradients,
    ) -> tuple[Gradients, Arrays, Gradients]:
        """Differentiate the gradients."""
        call, leaves = self.prepared(learnables, states, inputs, mode)
        with self.own():
            first, of_upstream, second = _ENGINE.pull_back_twice(
                call, leaves, upstream, (*along.inputs, *along.learnables)
            )
        return self._gradients(first), tuple(of_upstream), self._gradients(second)

    def own(self) -> _Own:
        """Return a block in which the object has the attributes that this program left."""
        return _Own(self)

    def _gradients(self, found: Sequence[Any]) -> Gradients:
        count = len(self._names)
        return Gradients(tuple(found[:count]), tuple(found[count:]))

    def prepared(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str
    ) -> tuple[Callable[[Arrays], tuple[Arrays, Arrays]], Arrays]:
        """Set the variables; return the pass and its leaves."""
        own, others = learnables_of(self.layer), states_of(self.layer)
        for variable, value in zip(
            (*own.values(), *others.values()), (*learnables, *states), strict=True
        ):
            variable.assign(value)
        keywords = dict(self._keywords)
        if self._training is not None:
            keywords.setdefault(self._training, mode == "forward")

        def call(leaves: Arrays) -> tuple[Arrays, Arrays]:
            given = dict(zip(self._names, leaves, strict=False))
            try:
                found = call_layer("forward()", _called, self.layer, given, keywords)
            except LayerError as error:
                raise explained(error) from error.original
            _, outputs = flatten(found, _ENGINE.is_tensor)
            return outputs, tuple(tf.identity(v) for v in others.values())

        return call, (*map(_ENGINE.tensor, inputs), *own.values())


def draws_in_graphs(program: TensorflowProgram, inputs: Arrays) -> bool:
    """Whether the global seed changes an output, and no operation outside a graph asked for it.

    Where the layer does not run, it may.
    """
    for mode in ("predict", "forward"):
        outputs, untouched = [], True
        for seed in (1, 2):
            copy = program.copied()
            for generator in copy.generators():
                generator.seed(seed if isinstance(generator, GlobalSeed) else 1)
            before = GlobalSeed().state()
            try:
                values = copy.learnables(), copy.states(), inputs
                outputs.append(copy.run(*values, mode, record=False).outputs)
            except LayerError:
                return True
            untouched = untouched and GlobalSeed().state() == before
        if untouched and not all(np.array_equal(*pair) for pair in zip(*outputs, strict=True)):
            return True
    return False


class _Own:
    """A block in which the object has the attributes that a program left there."""

    def __init__(self, program: TensorflowProgram) -> None:
        self._program = program
        self._is_shared = program.layer is program._made_of

    def __enter__(self) -> None:
        if self._is_shared and self._program._kept is not self._program._first:
            self._program._kept.put_back()

    def __exit__(self, *_: object) -> None:
        if self._is_shared:
            self._program._kept = self._program._first.now()
            if self._program._kept is not self._program._first:
                self._program._first.put_back()


def _called(layer: Any, given: Mapping[str, Any], keywords: Mapping[str, Any]) -> Any:
    return layer(*given.values(), **keywords)


def opens(item: Any) -> bool:
    """Whether an object is part of a layer: a module, or of a class of the user's."""
    if isinstance(item, (tf.Variable, tf.Tensor, tf.random.Generator)):
        return False
    top = type(item).__module__.partition(".")[0]
    return isinstance(item, tf.Module) or top not in _FOREIGN or _is_wrapped_list(item)


_FOREIGN = ("tensorflow", "keras", "numpy", "builtins", "functools", "wrapt", "layercheck")


def _is_wrapped_list(item: Any) -> bool:
    return type(item).__name__ == "ListWrapper"


def learnables_of(layer: Any) -> dict[str, Any]:
    """Return the trainable variables of a module by path; a function has none."""
    return {path: v for path, v in held(layer, tf.Variable).items() if v.trainable}


def states_of(layer: Any) -> dict[str, Any]:
    """Return the variables that are not trained; those of generators are none."""
    return {path: v for path, v in held(layer, tf.Variable).items() if not v.trainable}


def held(layer: Any, kind: type) -> dict[str, Any]:
    """Return the objects of a kind that a module and its submodules hold, each once, by path."""
    if not isinstance(layer, tf.Module):
        return {}
    found: dict[str, Any] = {}
    known: set[int] = set()
    for path, item in layer._flatten(predicate=lambda each: isinstance(each, kind), with_path=True):
        if id(item) not in known:
            known.add(id(item))
            found[".".join(map(str, path))] = item
    return found
