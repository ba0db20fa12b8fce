"""A Keras layer as a program: values go into a stateless scope, not into its variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from layercheck import (
    Attributes,
    Gradients,
    RandomSource,
    Recorded,
    call_layer,
    flatten,
    write_back,
)
from layercheck_keras.engines import Engine, Leaves
from layercheck_keras.variables import Variables, opens

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Pass:
    """How a layer is called.

    Parameters
    ----------
    names : tuple of str
        Of the inputs.
    gather : callable, tensors -> positional arguments
        One list or dict of them where the layer takes that.
    keywords : mapping
        Extra arguments.
    training : bool
        Whether the layer, or one in it, is told that it is training.
    """

    names: tuple[str, ...]
    gather: Callable[[Leaves], tuple[Any, ...]]
    keywords: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False


class Seed(RandomSource):
    """Where a seed generator of Keras stands."""

    def __init__(self, value: Any) -> None:
        self.value = np.array(value)

    def seed(self, seed: int) -> None:
        """Set it; seeds that follow one another are made unlike."""
        mixed = int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1)
        self.value = np.array([mixed, 0]).astype(self.value.dtype)

    def state(self) -> Any:
        """Return where it stands."""
        return self.value.copy()

    def restore(self, state: Any) -> None:
        """Put it where it stood."""
        self.value = np.array(state)


class LayerProgram:
    """A layer, or a function of ``keras.ops``, in one dtype.

    All copies run one object: nothing is written to its variables, and its attributes are put
    back after each pass.

    Parameters
    ----------
    layer : object
    dtype : numpy dtype
    passing : Pass
    engine : Engine
    others : tuple of RandomSource
        Generators of the backend itself.
    """

    def __init__(
        self,
        layer: Any,
        dtype: np.dtype[Any],
        passing: Pass,
        engine: Engine,
        others: tuple[RandomSource, ...] = (),
    ) -> None:
        self.layer = layer
        self._made_of = layer
        self.dtype, self.passing, self.engine, self._others = dtype, passing, engine, others
        self._first = self._kept = Attributes(layer, opens)
        self._variables = Variables.of(layer)
        self._seeds = tuple(Seed(_values(v)) for v in self.variables.seeds)

    @property
    def variables(self) -> Variables:
        """Those of the object that runs."""
        return self._variables if self.layer is self._made_of else Variables.of(self.layer)

    def copied(self) -> LayerProgram:
        """Return a program of the same object, as it was at first."""
        copy = LayerProgram.__new__(type(self))
        vars(copy).update(vars(self))
        copy._kept = self._first
        copy._seeds = tuple(Seed(seed.value) for seed in self._seeds)
        return copy

    def generators(self) -> tuple[Any, ...]:
        """The seed generators of the layer, that of Keras, and those of the backend."""
        return (*self._seeds, *self._others)

    def learnables(self) -> Arrays:
        """The trainable variables."""
        return tuple(self._cast(_values(v)) for v in self.variables.learnables)

    def states(self) -> Arrays:
        """The variables that are not trained."""
        return tuple(self._cast(_values(v)) for v in self.variables.states)

    def _cast(self, value: np.ndarray) -> np.ndarray:
        return value.astype(self.dtype) if value.dtype.kind not in "iub" else value

    def run(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str, *, record: bool
    ) -> Recorded:
        """Run the layer with these values."""
        with self.computing() as engine:
            call, leaves = self.prepared(learnables, states, inputs, mode)
            tape = None
            if record:
                outputs, after, tape = engine.record(call, leaves)
            else:
                outputs, after = engine.run(call, leaves)
            arrays = tuple(map(engine.array, after))
            self._keep_seeds(arrays[len(states) : len(states) + len(self._seeds)])
            for old, new in zip(learnables, arrays[len(states) + len(self._seeds) :], strict=True):
                write_back(old, new)  # a pass that assigns to a trainable variable
            return Recorded(tuple(map(engine.array, outputs)), arrays[: len(states)], tape)

    def pull_back(self, tape: Any, upstream: Arrays, state_upstream: Any) -> Gradients:
        """Take the gradients of a recorded pass."""
        with self.computing() as engine:
            return self._gradients(engine.pull_back(tape, upstream))

    def push_forward(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str, along: Gradients
    ) -> tuple[Arrays, Arrays]:
        """Push tangents forward."""
        with self.computing() as engine:
            call, leaves = self.prepared(learnables, states, inputs, mode)
            outputs, found = engine.push_forward(call, leaves, (*along.inputs, *along.learnables))
            arrays = tuple(map(engine.array, outputs))
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
        with self.computing() as engine:
            call, leaves = self.prepared(learnables, states, inputs, mode)
            first, of_upstream, second = engine.pull_back_twice(
                call, leaves, upstream, (*along.inputs, *along.learnables)
            )
            return self._gradients(first), tuple(of_upstream), self._gradients(second)

    def _gradients(self, found: list[Any]) -> Gradients:
        count = len(self.passing.names)
        return Gradients(tuple(found[:count]), tuple(found[count:]))

    def prepared(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str
    ) -> tuple[Callable[[Leaves], tuple[Leaves, Leaves]], Leaves]:
        """Return the pass and its leaves: the inputs and the learnables."""
        tensor = self.engine.tensor
        found = self.variables
        variables, others = found.learnables, (*found.states, *found.seeds)
        values = (*states, *(seed.value for seed in self._seeds))
        fixed = [(v, tensor(value)) for v, value in zip(others, values, strict=True)]
        keywords = dict(self.passing.keywords)
        if self.passing.training:
            keywords.setdefault("training", mode == "forward")
        count = len(inputs)

        def call(leaves: Leaves) -> tuple[Leaves, Leaves]:
            given = self.passing.gather(leaves[:count])
            mapping = [*zip(variables, leaves[count:], strict=True), *fixed]
            with keras.StatelessScope(state_mapping=mapping) as scope:
                result = call_layer("forward()", self.layer, *given, **keywords)
                after = tuple(scope.get_current_value(v) for v in (*others, *variables))
            _, outputs = flatten(result, self.engine.is_tensor)
            return outputs, after

        return call, (*map(tensor, inputs), *map(tensor, learnables))

    def _keep_seeds(self, values: Arrays) -> None:
        for seed, value in zip(self._seeds, values, strict=True):
            seed.value = value.astype(seed.value.dtype)

    @contextmanager
    def computing(self) -> Iterator[Engine]:
        """Compute in the program's dtype, with the attributes that this program left."""
        shared = self.layer is self._made_of
        if shared and self._kept is not self._first:
            self._kept.put_back()
        try:
            with (
                self.engine.precision(self.dtype),
                computing_in(self.layer, self.variables, self.dtype),
            ):
                yield self.engine
        finally:
            if shared:
                self._kept = self._first.now()
                if self._kept is not self._first:
                    self._first.put_back()


@contextmanager
def plain_errors() -> Iterator[None]:
    """Let Keras raise what a layer raised, and not a longer text about the call around it."""
    filtered = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtered:
            keras.config.enable_traceback_filtering()


@contextmanager
def computing_in(layer: Any, found: Variables, dtype: np.dtype[Any]) -> Iterator[None]:
    """Give a layer and all in it the dtype policy of a name, and Keras that floating dtype.

    A variable converts what it is assigned to the dtype that it was made with, and a functional
    model its inputs; neither has a way to be told another: that is set directly.
    """
    policy, name = keras.DTypePolicy(dtype.name), keras.config.floatx()
    layers = layers_of(layer)
    before = [(each, each._dtype_policy) for each in layers]
    holders = [*found.all, *_model_inputs(layers)]
    variables = [(v, v._dtype) for v in holders if _is_floating(v._dtype)]
    keras.config.set_floatx(dtype.name)
    for each, _ in before:
        vars(each)["_dtype_policy"] = policy
    for variable, _ in variables:
        variable._dtype = dtype.name
    try:
        with plain_errors():
            yield
    finally:
        keras.config.set_floatx(name)
        for each, own in before:
            vars(each)["_dtype_policy"] = own
        for variable, own_name in variables:
            variable._dtype = own_name


def _model_inputs(layers: list[Any]) -> list[Any]:
    """The symbolic inputs of the functional models among layers."""
    models = [model for each in layers for model in (each, getattr(each, "_functional", None))]
    return [tensor for model in models for tensor in getattr(model, "_inputs", ())]


def _is_floating(name: str) -> bool:
    return "float" in name


def layers_of(layer: Any) -> list[Any]:
    """Return a layer and all in it; a function has none."""
    return list(layer._flatten_layers()) if isinstance(layer, keras.Layer) else []


def _values(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))
