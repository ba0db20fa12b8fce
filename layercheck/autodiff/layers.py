"""NumPy layers without a backward pass, differentiated by running them traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.autodiff.available import why_unavailable
from layercheck.autodiff.generators import Drawn, drawn, replayed
from layercheck.case import Case, Options
from layercheck.conventions.live import LiveLayer, generator_roots
from layercheck.copying import copy_object
from layercheck.errors import CallUnavailable, LayerError, TraceError
from layercheck.layout import Layout
from layercheck.randomness import Generators, State
from layercheck.subject import (
    Array,
    Arrays,
    Gradients,
    Instance,
    Mode,
    Pass,
    Slot,
    Subject,
    Untraced,
)
from layercheck.verdict import Skipped

_ROUNDINGS = 1e5  # of a pass that is carried out by another library
_HOW = "derived by running the NumPy code traced by jax"


@dataclass
class _Memory:
    """A pass of a live layer, and what it takes to run it again, traced."""

    own: Any
    layer: Any
    inputs: Arrays
    mode: Mode
    before: State
    drawn: Drawn
    pull_back: Callable[[Sequence[Any]], tuple[Any, ...]] | None = None


class DifferentiatedLayer(LiveLayer):
    """A live NumPy layer whose backward is derived from its forward."""

    def run(self, inputs: Sequence[Array], mode: Mode) -> Pass:
        """Run one pass, and keep the layer as it was before."""
        given = tuple(np.array(x) for x in inputs)
        layer, stand = copy_object(self.layer), Generators(*self.roots()).state()
        with drawn() as generators:
            done = super().run(inputs, mode)
        memory = _Memory(done.memory, layer, given, mode, stand, generators)
        return replace(done, memory=memory)

    def pull_back(
        self, done: Pass, upstream: Sequence[Array], state_upstream: Sequence[Array] | None = None
    ) -> Gradients:
        """Run the pass again, traced, and pull the upstream gradients back."""
        memory: _Memory = done.memory
        if memory.pull_back is None:
            memory.pull_back = self._recorded(memory, done)
        after = state_upstream or [np.zeros_like(s) for s in self._first_states(memory)]
        found = iter(memory.pull_back((*upstream, *after)))
        inputs = tuple(np.array(next(found)) if _floating(x) else None for x in memory.inputs)
        rest = tuple(np.array(g) for g in found)
        count = len(self.learnable_places)
        return Gradients(inputs, rest[:count], rest[count:] if self.state_places else None)

    def _first_states(self, memory: _Memory) -> Arrays:
        live = replace(self, layer=memory.layer)
        return tuple(np.asarray(s) for s in live.states())

    def _recorded(self, memory: _Memory, done: Pass) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
        from layercheck.autodiff.record import record

        before = replace(self, layer=memory.layer)
        inputs = [x for x in memory.inputs if _floating(x)]
        learnables = tuple(_in_dtype_of(inputs, w) for w in before.learnables())
        states = self._first_states(memory)

        def run(*given: Any) -> tuple[Any, ...]:
            values = iter(given)
            arguments = tuple(next(values) if _floating(x) else x for x in memory.inputs)
            held = tuple(values)
            places = (*self.learnable_places, *self.state_places)
            layer = _holding(memory.layer, places, (*learnables, *states), held)
            live = DifferentiatedLayer(layer, self.driver, *places_of(self))
            passed = LiveLayer.run(live, arguments, memory.mode)
            left = (place.find(layer) for place in self.state_places)
            kept = (s if now is None else now for s, now in zip(states, left, strict=True))
            return (*passed.outputs, *kept)

        generators = Generators(*generator_roots(memory.layer))
        with generators.preserved(), replayed(memory.drawn):
            generators.restore(memory.before)
            try:
                outputs, pull_back = record(run, [*inputs, *learnables, *states])
            except TraceError as error:
                raise LayerError("the traced pass", error, error.file, error.line) from error
        _require_same(outputs, done.outputs, [*inputs, *learnables])
        return pull_back

    def copied(self, done: Pass) -> tuple[Instance, Pass]:
        """Return a copy, which shares what was recorded: nothing of the layer's writes to it."""
        layer = DifferentiatedLayer(copy_object(self.layer), self.driver, *places_of(self))
        layer.first_states = self.first_states
        return layer, done


def places_of(live: LiveLayer) -> tuple[Any, Any]:
    """Return where the learnables and the states are."""
    return live.learnable_places, live.state_places


def _floating(array: Any) -> bool:
    return np.asarray(array).dtype.kind in "fc"


def _in_dtype_of(inputs: Sequence[Any], value: Any) -> Any:
    """A learnable; one that is a number of Python's takes the precision of the inputs."""
    if not isinstance(value, (float, complex)) or isinstance(value, np.generic) or not inputs:
        return value
    dtype = np.result_type(*inputs, 1j) if isinstance(value, complex) else np.result_type(*inputs)
    return np.asarray(value).astype(dtype)[()]


def _holding(layer: Any, places: Any, old: Sequence[Any], new: Sequence[Any]) -> Any:
    """Return a copy of a layer that has `new` wherever it has the arrays `old`."""
    held = {id(o): n for o, n in zip(old, new, strict=True) if isinstance(o, np.ndarray)}
    copied = copy_object(layer, instead=held)
    for place, value in zip(places, new, strict=True):
        if place.find(copied) is not value:
            place.put(copied, value)
    return copied


def _require_same(outputs: Sequence[Any], expected: Sequence[Any], given: Sequence[Any]) -> None:
    """Require that the traced pass computed what the layer computes, in the precision given."""
    kinds = [np.asarray(v).dtype for v in (*given, *expected) if _floating(v)]
    eps = max((float(np.finfo(kind).eps) for kind in kinds), default=0.0)
    for actual, z in zip(outputs, expected, strict=False):
        actual, z = np.asarray(actual), np.asarray(z)
        size = np.max(np.abs(z), initial=0.0, where=np.isfinite(z))
        close = actual.shape == z.shape and np.allclose(
            actual, z, rtol=_ROUNDINGS * eps, atol=_ROUNDINGS * eps * size, equal_nan=True
        )
        if not close:
            raise CallUnavailable(
                "Its gradients cannot be derived: run again with its NumPy calls carried out by "
                "jax, the layer gives other outputs. Write backward()."
            )


def differentiated(subject: Subject, seed: int, options: Options) -> Subject:
    """Return a NumPy layer without backward as one with derived gradients, where that works."""
    if subject.framework != "numpy" or subject.facts.backward != "none":
        return subject
    reason = why_unavailable()
    if reason is not None:
        return _left(subject, Untraced(reason))
    derived = _derived(subject)
    found = _tried(derived, seed, options)
    if found is None:
        return derived
    return _left(subject, found)


def _left(subject: Subject, why: Untraced) -> Subject:
    return replace(subject, facts=replace(subject.facts, untraced=why))


def _derived(subject: Subject) -> Subject:
    def build(dtype: np.dtype[Any], layouts: tuple[Layout, ...]) -> Instance:
        live = subject.build(dtype, layouts)
        assert isinstance(live, LiveLayer)
        return DifferentiatedLayer(
            live.layer, live.driver, live.learnable_places, live.state_places, live.first_states
        )

    def paired(slot: Slot) -> Slot:
        return replace(slot, gradient=_HOW)

    facts = replace(
        subject.facts,
        backward="autodiff",
        memory="handed over",
        state_gradients=bool(subject.states),
    )
    learnables = tuple(map(paired, subject.learnables))
    return replace(subject, learnables=learnables, facts=facts, build=build)


def _tried(subject: Subject, seed: int, options: Options) -> Untraced | None:
    """Why the layer's gradients cannot be derived; None where they can."""
    case = Case(subject, np.float64, seed, options)
    try:
        outputs = case.base().outputs
    except (LayerError, CallUnavailable, Skipped):
        return Untraced("the forward pass raises")
    if not any(_floating(z) for z in outputs):
        return Untraced("its outputs are integers, which have no derivative")
    try:
        case.attempt_gradients()
    except LayerError as error:
        return _why(error)
    return None


def _why(error: LayerError) -> Untraced:
    broken = error.original
    if isinstance(broken, TraceError):
        return Untraced(broken.what, broken.remedy, broken.file, broken.line)
    what = f"raises {type(broken).__name__} where its NumPy calls are carried out by jax: {broken}"
    return Untraced(what, "Keep to NumPy's functions of arrays.", error.file, error.line)
