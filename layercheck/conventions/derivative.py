"""A function and its derivative, for what works element by element.

``fn`` and ``grad``, ``f`` and ``df``, ``__call__`` and ``gradient``: the input's gradient is the
upstream gradient times the derivative at the input. A ``backward`` that returns f'(x) is none of
these: it is driven as a backward, and fails.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from layercheck.calling import call_layer
from layercheck.conventions.calls import ForwardCall, read_forward
from layercheck.conventions.driving import Results
from layercheck.conventions.live import builder
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.returns import as_arrays
from layercheck.conventions.signatures import signature_of, source_of
from layercheck.conventions.tree import method_of
from layercheck.conventions.vocabulary import (
    BACKWARD,
    DERIVATIVE,
    FORWARD,
    FUNCTION,
    is_upstream_name,
)
from layercheck.copying import copy_object
from layercheck.subject import Arrays, Facts, Gradients, Mode, Pass, Subject

CONVENTION = "derivative"
LOOKS_LIKE = (
    "a function and its derivative: `fn` and `grad`, `f` and `df`, `__call__` and `gradient`"
)


class FunctionWithDerivative:
    """Two functions in place of an object."""

    def __init__(self, function: Any, derivative: Any) -> None:
        self.function = function
        self.derivative = derivative
        self.module_names = (function.__module__, derivative.__module__)


def recognise(layer: Any) -> bool:
    """Whether an object or a pair is a function with its derivative, and has no backward.

    A ``gradient(dout)`` that takes the upstream gradient is a backward.
    """
    if getattr(layer, "derivative", None) is True:
        return inspect.isroutine(layer.forward) and inspect.isroutine(layer.backward)
    if isinstance(layer, type) or inspect.isroutine(layer):
        return False
    function, derivative = passes_of(layer)
    if method_of(layer, BACKWARD) is not None or function is None or derivative is None:
        return False
    taken = signature_of(getattr(layer, derivative)).positional
    return not any(map(is_upstream_name, taken))


def passes_of(layer: Any) -> tuple[str | None, str | None]:
    """Return the names of the function and of its derivative."""
    return method_of(layer, FUNCTION) or method_of(layer, FORWARD), method_of(layer, DERIVATIVE)


@dataclass(frozen=True)
class DerivativeDriver:
    """How a function with its derivative is called."""

    forward: ForwardCall
    derivative: str

    def run(self, layer: Any, inputs: Arrays, mode: Mode) -> Pass:
        """Evaluate the function."""
        name = self.forward.name(mode)
        value = self.forward(layer, inputs, mode)
        return Pass(mode, inputs, Results(count=1).split(layer, name, value)[0])

    def pull_back(
        self, layer: Any, done: Pass, upstream: Arrays, state_upstream: Arrays | None
    ) -> Gradients:
        """Multiply the upstream gradient with the derivative at the input."""
        method = getattr(layer, self.derivative)
        inputs = done.inputs if signature_of(method).positional else ()
        value = call_layer(f"{self.derivative}()", method, *inputs)
        if isinstance(value, (int, float)):
            value = np.asarray(value, upstream[0].dtype)
        (slope,) = as_arrays(method, self.derivative, (value,))
        return Gradients((upstream[0] * slope,), ())

    def reset(self, layer: Any) -> None:
        """Do nothing: there is nothing to reset."""

    def clear_gradients(self, layer: Any) -> None:
        """Do nothing: nothing is kept."""


def adapt(request: Request) -> Subject:
    """Turn a function with its derivative into a subject."""
    layer, function, derivative = _parts(request.layer)
    forward = read_forward(layer, function, request)
    layouts = request.ordered_layouts(forward.inputs)
    driver = DerivativeDriver(forward, derivative)
    none: tuple[Place, ...] = ()
    return Subject(
        name=request.name,
        framework="numpy",
        convention=CONVENTION,
        layer=request.layer,
        source=request.source,
        sources={
            key: source_of(getattr(layer, name), name)
            for key, name in (
                ("predict", function),
                ("forward", function),
                ("backward", derivative),
            )
        },
        input_names=forward.inputs,
        layouts=layouts,
        learnables=(),
        states=(),
        facts=Facts(
            one_pass=forward.training.one_pass,
            memory=_memory(layer, derivative),
            outputs=request.output_layouts(1),
            mixes=request.declarations.mixes,
            claims_gpu=request.names_cupy,
        ),
        build=builder(lambda at: copy_object(layer), driver, none, none),
        notes=(f"the input's gradient is the upstream gradient times {derivative}()",),
    )


def _memory(layer: Any, derivative: str) -> Literal["handed over", "in the object"]:
    """Return where the derivative finds the input: one without arguments remembers it."""
    takes_input = signature_of(getattr(layer, derivative)).positional
    return "handed over" if takes_input else "in the object"


def _parts(layer: Any) -> tuple[Any, str, str]:
    """Return an object, and the names of its function and of the derivative."""
    if getattr(layer, "derivative", None) is True:
        pair = FunctionWithDerivative(layer.forward, layer.backward)
        return pair, "function", "derivative"
    function, derivative = passes_of(layer)
    return copy_object(layer), function or "forward", derivative or "derivative"
