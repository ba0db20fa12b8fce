"""The native layer: predict, forward, backward(x, z, dz, memory); learnables and states by name.

Also composition: a learnable or a state may be another layer, whose arrays count as this one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.calling import call_layer
from layercheck.conventions.live import builder
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.returns import as_arrays
from layercheck.conventions.signatures import Signature, signature_of, source_of
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import BACKWARD, DERIVATIVE
from layercheck.copying import copy_object
from layercheck.errors import ReturnError
from layercheck.layout import Layout
from layercheck.randomness import seeded
from layercheck.subject import Arrays, Facts, Gradients, Mode, Pass, Slot, Subject

CONVENTION = "native"
LOOKS_LIKE = (
    "`predict(x)`, `forward(x) -> z, memory`, `backward(x, z, dz, memory)`; learnables and "
    "states by name"
)


def recognise(layer: Any) -> bool:
    """Whether `layer` follows the native convention."""
    if not callable(getattr(layer, "predict", None)):
        return False
    if hasattr(layer, "learnables") or hasattr(layer, "states"):
        return True
    backward = getattr(layer, "backward", None)
    if backward is None:
        return method_of(layer, (*BACKWARD, *DERIVATIVE)) is None
    inputs = len(input_names(layer))
    return signature_of(backward).accepts(inputs + 2 * output_count(layer) + 1)


def input_names(layer: Any) -> tuple[str, ...]:
    """The inputs' names: declared, else the parameters of predict."""
    declared = getattr(layer, "input_names", None)
    if declared:
        return tuple(declared)
    method = getattr(layer, "predict", None) or layer.forward
    signature = signature_of(method)
    count = getattr(layer, "num_inputs", None)
    if count is None:
        return signature.required or signature.positional[:1] or ("x",)
    if len(signature.required) == count:
        return signature.required
    return ("x",) if count == 1 else tuple(f"x{i + 1}" for i in range(count))


def output_count(layer: Any) -> int:
    """The number of outputs: num_outputs, else that of output_names, else 1."""
    count = getattr(layer, "num_outputs", None)
    if count is None:
        count = len(getattr(layer, "output_names", None) or ("z",))
    return int(count)


@dataclass(frozen=True)
class NativeDriver:
    """How a native layer is called."""

    outputs: int
    learnables: int
    states: int
    has_predict: bool
    has_forward: bool
    has_backward: bool
    takes_states: bool
    extra: tuple[tuple[str, Any], ...] = ()

    def run(self, layer: Any, inputs: Arrays, mode: Mode) -> Pass:
        """Run predict or forward."""
        forward = self.has_forward and (mode == "forward" or not self.has_predict)
        name = "forward" if forward else "predict"
        returned = call_layer(f"{name}()", getattr(layer, name), *inputs, **dict(self.extra))
        outputs, memory = self._split(layer, name, returned)
        return Pass(mode, inputs, outputs, memory)

    def _split(self, layer: Any, name: str, returned: Any) -> tuple[Arrays, Any]:
        things = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        wanted = self.outputs + (name == "forward" and self.has_backward)
        may_ignore = name == "forward" and not self.has_backward
        if len(things) == self.outputs + 1 and (may_ignore or wanted == len(things)):
            return as_arrays(getattr(layer, name), name, things[:-1]), things[-1]
        if len(things) != wanted:
            memory = " and memory" if wanted > self.outputs else ""
            outputs = f"{self.outputs} output{'s' * (self.outputs != 1)}"
            raise _returned(layer, name, things, f"expected {wanted}: {outputs}{memory}")
        return as_arrays(getattr(layer, name), name, things), None

    def pull_back(
        self, layer: Any, done: Pass, upstream: Arrays, state_upstream: Arrays | None
    ) -> Gradients:
        """Run backward(inputs, outputs, upstream gradients, [state upstreams], memory)."""
        states = tuple(state_upstream or ()) if self.takes_states else ()
        arguments = (*done.inputs, *done.outputs, *upstream, *states, done.memory)
        returned = call_layer("backward()", layer.backward, *arguments)
        things = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        n, k = len(done.inputs), self.states if self.takes_states else 0
        wanted = n + self.learnables + k
        if len(things) != wanted:
            parts = [f"{n} input", f"{self.learnables} learnable", f"{k} state"]
            listed = ", ".join(part for part in parts if not part.startswith("0"))
            message = f"expected {wanted} gradients ({listed})"
            raise _returned(layer, "backward", things, message)
        return Gradients(
            things[:n],
            things[n : n + self.learnables],
            things[n + self.learnables :] if self.takes_states else None,
        )

    def reset(self, layer: Any) -> None:
        """Call reset_state."""
        call_layer("reset_state()", layer.reset_state)

    def clear_gradients(self, layer: Any) -> None:
        """Do nothing: backward returns its gradients."""


def _returned(layer: Any, name: str, things: Sequence[Any], wanted: str) -> ReturnError:
    count = f"{len(things)} value{'s' * (len(things) != 1)}"
    source = source_of(getattr(layer, name))
    return ReturnError(f"{name}()", f"returned {count}; {wanted}.", source.file, source.line)


def places(layer: Any, kind: str, path: Place | None = None) -> list[Place]:
    """The places of the declared learnables or states, those of nested layers included."""
    path = path or Place(())
    own = tuple(getattr(layer, kind, None) or ())
    names = (*(getattr(layer, "learnables", None) or ()), *(getattr(layer, "states", None) or ()))
    found: list[Place] = []
    for name in dict.fromkeys(names):
        value = getattr(layer, name, None)
        if _is_layer(value):
            found.extend(places(value, kind, path / ("attribute", name)))
        elif name in own:
            found.append(path / ("attribute", name))
    return found


def _is_layer(value: Any) -> bool:
    return callable(getattr(value, "predict", None)) or callable(getattr(value, "forward", None))


def adapt(request: Request) -> Subject:
    """Turn a native layer into a subject."""
    pristine = copy_object(request.layer)
    layouts = request.ordered_layouts(input_names(pristine))
    initialised = _prepare(pristine, layouts)
    learnable_places = tuple(places(initialised, "learnables"))
    state_places = tuple(places(initialised, "states"))
    set_learnables = tuple(p for p in learnable_places if _is_array(p.find(initialised)))
    set_states = tuple(p for p in state_places if _is_array(p.find(initialised)))
    driver = _driver(request, initialised, len(set_learnables), len(set_states))
    written = "returned by backward()" if driver.has_backward else None
    return Subject(
        name=request.name,
        framework="numpy",
        convention=CONVENTION,
        layer=request.layer,
        source=request.source,
        sources={
            name: source_of(getattr(pristine, name), f"{type(pristine).__name__}.{name}")
            for name in ("predict", "forward", "backward", "initialize")
            if callable(getattr(pristine, name, None))
        },
        input_names=input_names(pristine),
        layouts=layouts,
        learnables=tuple(
            Slot(p.name, p.get(initialised), "declared in learnables", written)
            for p in set_learnables
        ),
        states=tuple(Slot(p.name, p.get(initialised), "declared in states") for p in set_states),
        facts=_facts(request, initialised, driver, layouts, (*learnable_places, *state_places)),
        build=builder(lambda at: _prepare(pristine, at), driver, set_learnables, set_states),
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, complex)) and not isinstance(
        value, bool
    )


def _prepare(pristine: Any, layouts: tuple[Layout, ...]) -> Any:
    layer = copy_object(pristine)
    if callable(getattr(layer, "initialize", None)):
        with seeded(0, layer):
            resolved = tuple(layout.resolved() for layout in layouts)
            call_layer("initialize()", layer.initialize, *resolved)
    return layer


def _driver(request: Request, layer: Any, learnables: int, states: int) -> NativeDriver:
    outputs = output_count(layer)
    has_backward = callable(getattr(layer, "backward", None))
    takes_states = bool(getattr(layer, "state_gradients", False))
    if has_backward and states:
        signature = signature_of(layer.backward)
        with_states = len(input_names(layer)) + 2 * outputs + states + 1
        takes_states = takes_states or (not signature.variable and signature.accepts(with_states))
    return NativeDriver(
        outputs=outputs,
        learnables=learnables,
        states=states,
        has_predict=callable(getattr(layer, "predict", None)),
        has_forward=callable(getattr(layer, "forward", None)),
        has_backward=has_backward,
        takes_states=takes_states,
        extra=tuple(request.call.items()),
    )


def _facts(
    request: Request,
    layer: Any,
    driver: NativeDriver,
    layouts: tuple[Layout, ...],
    declared: tuple[Place, ...],
) -> Facts:
    unset = tuple(p.name for p in declared if not _is_array(p.find(layer)))
    declarations = request.declarations
    return Facts(
        one_pass=not (driver.has_predict and driver.has_forward),
        backward="written" if driver.has_backward else "none",
        memory="handed over",
        state_gradients=driver.takes_states,
        reset=callable(getattr(layer, "reset_state", None)),
        initialize=callable(getattr(layer, "initialize", None)),
        outputs=_output_layouts(request, layer, layouts, driver.outputs),
        mixes=declarations.mixes,
        learnable_gradients=declarations.learnable_gradients,
        signatures=tuple(_signature_problems(layer, driver)),
        missing=unset,
        claims_gpu=request.names_cupy,
    )


def _output_layouts(
    request: Request, layer: Any, layouts: tuple[Layout, ...], outputs: int
) -> tuple[Layout | None, ...]:
    if callable(getattr(layer, "output_layout", None)):
        resolved = tuple(layout.resolved() for layout in layouts)
        returned = call_layer("output_layout()", layer.output_layout, *resolved)
        found = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        return tuple(Layout.parse(item) if isinstance(item, str) else item for item in found)
    return request.output_layouts(outputs)


def _signature_problems(layer: Any, driver: NativeDriver) -> list[str]:
    problems = []
    inputs = len(input_names(layer))
    for name in ("predict", "forward"):
        method = getattr(layer, name, None)
        if method is not None and not signature_of(method).accepts(inputs):
            problems.append(_mismatch(name, signature_of(method), inputs, f"{inputs} inputs"))
    if driver.has_backward:
        states = driver.states if driver.takes_states else 0
        count = inputs + 2 * driver.outputs + states + 1
        signature = signature_of(layer.backward)
        if not signature.accepts(count):
            parts = (
                f"{inputs} inputs, {driver.outputs} outputs, {driver.outputs} upstream gradients"
            )
            states_part = f", {states} state upstreams" if states else ""
            problems.append(
                _mismatch("backward", signature, count, f"{parts}{states_part}, memory")
            )
    return problems


def _mismatch(name: str, signature: Signature, count: int, meaning: str) -> str:
    taken = ", ".join(signature.positional) or "nothing"
    return f"{name}() takes ({taken}); it is called with {count} arguments: {meaning}."
