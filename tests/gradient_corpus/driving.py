"""Call layers of every convention, without the tool: one function for each protocol."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from layercheck.layout import Layout
from tests.gradient_corpus.entry import Bug, Correct, normal

RATE = 2.0**-10


@dataclass(frozen=True)
class Driven:
    """A layer ready to run: `inputs`, `learnables` and `states` are names.

    `forward(layer, *xs)` returns outputs and memory; `backward(layer, xs, zs, dzs, dstates,
    memory)` returns the gradients by check name.
    """

    layer: Any
    inputs: tuple[str, ...]
    learnables: tuple[str, ...]
    states: tuple[str, ...]
    forward: Callable[..., Any]
    backward: Callable[..., dict[str, Any]]

    def fresh(self) -> Any:
        return copy.deepcopy(self.layer)


def drive(entry: Correct | Bug, layouts: tuple[str, ...] = ()) -> Driven:
    """Build an entry's layer and say how to run it."""
    return DRIVERS[entry.convention](entry, layouts or entry.layouts)


def get(layer: Any, path: str) -> Any:
    for name in path.split("."):
        layer = layer[name] if isinstance(layer, dict) else getattr(layer, name)
    return layer


def put(layer: Any, path: str, value: Any) -> None:
    *owners, last = path.split(".")
    owner = get(layer, ".".join(owners)) if owners else layer
    if isinstance(owner, dict):
        owner[last] = value
    else:
        setattr(owner, last, value)


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _named(kind: str, names: tuple[str, ...], values: Any) -> dict[str, Any]:
    return {f"{kind}:{name}": value for name, value in zip(names, values, strict=True)}


def _parameters(function: Any) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.default is p.empty)


def _native(entry, layouts):
    layer = entry.make()
    if hasattr(layer, "initialize"):
        layer.initialize(*map(Layout.parse, layouts))
    inputs = _parameters(layer.predict)
    learnables = tuple(getattr(layer, "learnables", ()))
    states = tuple(getattr(layer, "states", ())) if getattr(layer, "state_gradients", 0) else ()

    def forward(layer, *xs):
        if not hasattr(layer, "forward"):
            return _tuple(layer.predict(*xs)), None
        *zs, memory = layer.forward(*xs)
        return tuple(zs), memory

    def backward(layer, xs, zs, dzs, dstates, memory):
        grads = _tuple(layer.backward(*xs, *zs, *dzs, *dstates, memory))
        n, p = len(inputs), len(learnables)
        return {
            **_named("input", inputs, grads[:n]),
            **_named("learnable", learnables, grads[n : n + p]),
            **_named("state", states, grads[n + p :]),
        }

    return Driven(layer, inputs, learnables, states, forward, backward)


def _object(entry, layouts):
    """Drive `forward(x)` and `backward(dout)`; gradients lie beside the parameters."""
    layer = entry.make()
    inputs = _parameters(getattr(layer, "updateOutput", None) or layer.forward)

    def forward(layer, *xs):
        z = layer.forward(*xs)
        return _tuple(layer.output if z is None else z), None

    def backward(layer, xs, zs, dzs, dstates, memory):
        before = {path: get(layer, path).copy() for path in learnables}
        _clear(layer)
        dx = _pull_back(layer, xs, dzs)
        dx = layer.dinputs if dx is None else dx
        named = {path: _gradient(layer, path, before[path]) for path in learnables}
        if _takes_rate(layer, dzs):
            for path, value in before.items():
                put(layer, path, value)
        return {
            **_named("input", inputs, _tuple(dx)),
            **_named("learnable", tuple(named), named.values()),
        }

    learnables = tuple(_learnables(layer))
    return Driven(layer, inputs, learnables, (), forward, backward)


def _clear(layer):
    """Empty buffers that add up, where the layer says that they do."""
    if hasattr(layer, "zeroGradParameters"):
        layer.zeroGradParameters()
    if hasattr(layer, "flush_gradients"):
        for gradient in layer.gradients.values():
            gradient.fill(0)


def _takes_rate(layer, dzs):
    return not hasattr(layer, "updateGradInput") and len(_parameters(layer.backward)) > len(dzs)


def _pull_back(layer, xs, dzs):
    if hasattr(layer, "updateGradInput"):
        return layer.backward(*xs, *dzs)
    return layer.backward(*dzs, *((RATE,) if _takes_rate(layer, dzs) else ()))


def _learnables(layer):
    for name, value in vars(layer).items():
        if isinstance(value, np.ndarray) and not name.startswith(("d", "grad")):
            yield name
        elif name in ("params", "parameters"):
            yield from (f"{name}.{key}" for key in value)


def _gradient(layer, path, before):
    name = path.rpartition(".")[2]
    for holder in ("grads", "gradients"):
        if name in getattr(layer, holder, {}):
            return get(layer, f"{holder}.{name}")
    for attribute in (f"d{name}", f"grad{name}"):
        if hasattr(layer, attribute):
            return getattr(layer, attribute)
    return (before - get(layer, path)) / RATE


def _pair(entry, layouts):
    forward_function, backward_function = entry.make()
    shapes = entry.options.get("learnable", {})
    arguments = _parameters(forward_function)
    inputs = tuple(name for name in arguments if name not in shapes)
    layer = SimpleNamespace(**{name: normal(*shape) for name, shape in shapes.items()})

    def forward(layer, *xs):
        out, cache = forward_function(*xs, *(getattr(layer, name) for name in shapes))
        return (out,), cache

    def backward(layer, xs, zs, dzs, dstates, cache):
        return _split(inputs, tuple(shapes), _tuple(backward_function(*dzs, cache)))

    return Driven(layer, inputs, tuple(shapes), (), forward, backward)


def _split(inputs, learnables, grads):
    return {
        **_named("input", inputs, grads[: len(inputs)]),
        **_named("learnable", learnables, grads[len(inputs) :]),
    }


class _Context(SimpleNamespace):
    def save_for_backward(self, *arrays):
        self.saved_tensors = arrays


def _static(entry, layouts):
    function = entry.make()
    shapes = entry.options.get("learnable", {})
    inputs = tuple(name for name in _parameters(function.forward)[1:] if name not in shapes)
    layer = SimpleNamespace(**{name: normal(*shape) for name, shape in shapes.items()})

    def forward(layer, *xs):
        ctx = _Context()
        return (function.forward(ctx, *xs, *(getattr(layer, name) for name in shapes)),), ctx

    def backward(layer, xs, zs, dzs, dstates, ctx):
        return _split(inputs, tuple(shapes), _tuple(function.backward(ctx, *dzs)))

    return Driven(layer, inputs, tuple(shapes), (), forward, backward)


DRIVERS = {"native": _native, "object": _object, "pair": _pair, "static": _static}
