"""Functions of JAX, with or without a derivative of their own, as models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from layercheck import Layout, Request, Slot, Source
from layercheck_jax.arguments import CallArguments, call_arguments, grouped
from layercheck_jax.kinds import derivative_rule
from layercheck_jax.model import Arrays, Values
from layercheck_jax.places import source_of


@dataclass(frozen=True)
class FunctionModel:
    """A function of inputs and learnables. See `Model`."""

    convention: str
    layer: Any
    arguments: CallArguments
    learnables: tuple[Slot, ...]
    one_pass: bool
    sources: Mapping[str, Source]
    notes: tuple[str, ...] = field(default=())

    def replaced(self, layer: Any) -> FunctionModel:
        """Return the model of another function."""
        return replace(self, layer=layer)

    def values(self, layouts: tuple[Layout, ...]) -> Values:
        """Return the learnables that ``--learnable`` names."""
        return Values(self.learnables, ())

    def apply(
        self,
        learnables: Arrays,
        states: Arrays,
        inputs: Arrays,
        key: Any,
        mode: str,
    ) -> tuple[Any, Arrays]:
        """Call the function."""
        keys = self.arguments.split(key)
        parameters = grouped([slot.name for slot in self.learnables], learnables)
        positional, named = self.arguments.bind(inputs, mode, keys, **parameters)
        return self.layer(*positional, **named), ()


def function_model(request: Request) -> FunctionModel:
    """Return the model of a function, a ``custom_vjp`` or a ``custom_jvp``."""
    rule = derivative_rule(request.layer)
    convention = "function" if rule is None else type(rule).__name__
    tops = {name.partition(".")[0] for name in request.learnables}
    arguments = call_arguments(request, request.layer, tops)
    learnables = tuple(_slot(name, shape, request) for name, shape in request.learnables.items())
    return FunctionModel(
        convention,
        request.layer,
        arguments,
        learnables,
        not arguments.flags,
        {**_sources(request.layer, rule)},
    )


def _slot(name: str, shape: tuple[int, ...], request: Request) -> Slot:
    rng = np.random.default_rng([request.seed, len(shape), *name.encode()])
    value = rng.normal(size=shape).astype(np.float32)
    return Slot(name, value, "given with --learnable", "jax.vjp")


def _sources(function: Any, rule: Any) -> dict[str, Source]:
    own = inspect.unwrap(function)
    found = {"forward": source_of(own), "predict": source_of(own)}
    backward = getattr(rule, "bwd", None)
    if backward is not None:
        found["backward"] = source_of(backward)
    tangent = getattr(rule, "jvp", None)
    if tangent is not None:
        found["jvp"] = source_of(tangent)
    return found
