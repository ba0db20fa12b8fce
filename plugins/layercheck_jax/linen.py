"""Flax linen modules as models: params are learnables, other collections are states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from layercheck import Layout, Request, Slot, Source, call_layer
from layercheck_jax.arguments import FLAGS, CallArguments, call_arguments
from layercheck_jax.compiling import compiled
from layercheck_jax.explaining import explained
from layercheck_jax.model import Arrays, Values
from layercheck_jax.outputs import is_inexact
from layercheck_jax.places import source_of
from layercheck_jax.probing import example

_NO_STATES = ("params", "intermediates", "losses", "perturbations")


@dataclass(frozen=True)
class _Tree:
    """The variables of a module: their paths and values in order, and what kind each is."""

    structure: Any
    paths: tuple[tuple[str, ...], ...]
    values: tuple[Any, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(map(_kind, self.paths, self.values))

    def collections(self) -> list[str]:
        """The collections that passes may update."""
        return sorted({path[0] for path in self.paths} - set(_NO_STATES))

    def filled(self, learnables: Arrays, states: Arrays) -> Any:
        """Return the variables with other learnables and states."""
        rows = {"learnable": iter(learnables), "state": iter(states)}
        leaves = [
            next(rows[kind]) if kind in rows else value
            for kind, value in zip(self.kinds, self.values, strict=True)
        ]
        return jax.tree.unflatten(self.structure, leaves)

    def slots(self, kind: str) -> tuple[Slot, ...]:
        """Return the learnables or states, by dotted path."""
        chosen = [
            (path, value)
            for path, value, each in zip(self.paths, self.values, self.kinds, strict=True)
            if each == kind
        ]
        short = [".".join(path[1:]) or path[0] for path, _ in chosen]
        return tuple(
            Slot(
                name if short.count(name) == 1 else ".".join(path),
                np.asarray(value),
                f"in the collection {path[0]}",
            )
            for name, (path, value) in zip(short, chosen, strict=True)
        )


@dataclass(frozen=True)
class LinenModel:
    """A linen module. See `Model`."""

    layer: nn.Module
    arguments: CallArguments
    request: Request
    field_flags: Mapping[str, bool]
    bound: Any = None
    convention: str = "linen"
    notes: tuple[str, ...] = ()
    known: dict[Any, _Tree] = field(default_factory=dict)

    @property
    def one_pass(self) -> bool:
        """Neither an argument nor a field tells training from inference."""
        return not (self.arguments.flags or self.field_flags)

    @property
    def sources(self) -> dict[str, Source]:
        """Where ``__call__`` is written."""
        place = source_of(type(self.layer).__call__)
        return {"forward": place, "predict": place}

    def replaced(self, layer: Any) -> LinenModel:
        """Return the model of a copy of the module."""
        return replace(self, layer=layer)

    def values(self, layouts: tuple[Layout, ...]) -> Values:
        """Return what ``init`` gives for inputs of `layouts`."""
        tree = self._tree(layouts)
        return Values(tree.slots("learnable"), tree.slots("state"))

    def apply(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, key: Any, mode: str
    ) -> tuple[Any, Arrays]:
        """Call ``apply`` with every collection of states mutable."""
        tree = next(iter(self.known.values()))
        positional, named = self.arguments.bind(inputs, mode, self.arguments.split(key))
        collections = tree.collections()
        found = self._module(mode).apply(
            tree.filled(learnables, states),
            *positional,
            rngs={"params": key},
            mutable=collections or False,
            **named,
        )
        if not collections:
            return found, ()
        outputs, updated = found
        return outputs, _updated(tree, updated, states)

    def _module(self, mode: str) -> nn.Module:
        if not self.field_flags:
            return self.layer
        training = mode == "forward"
        flags = {name: training is value for name, value in self.field_flags.items()}
        return self.layer.clone(**flags)

    def _tree(self, layouts: tuple[Layout, ...]) -> _Tree:
        if layouts not in self.known:
            self.known[layouts] = self._initialised(layouts)
        return self.known[layouts]

    def _initialised(self, layouts: tuple[Layout, ...]) -> _Tree:
        """The variables; those of the first layouts, where the others' have the same shapes."""
        if self.bound is not None:
            return _tree_of(self.bound)
        first = next(iter(self.known.values()), None)
        if first is not None:
            shapes = _tree_of(self._initial(layouts, jax.eval_shape))
            if _shapes(shapes, "state") == _shapes(first, "state"):
                return first
        return _tree_of(self._initial(layouts, _compiled))

    def _initial(self, layouts: tuple[Layout, ...], run: Any) -> Any:
        names = self.arguments.inputs
        inputs = [
            jax.numpy.asarray(example(self.request, name, layout))
            for name, layout in zip(names, layouts, strict=True)
        ]

        def init(key: Any, *inputs: Any) -> Any:
            positional, named = self.arguments.bind(inputs, "forward", self.arguments.split(key))
            return self._module("forward").init({"params": key}, *positional, **named)

        key = jax.random.key(self.request.seed % 2**32)
        with explained():
            return call_layer("initialize()", run, init, key, *inputs)


def _compiled(init: Any, *arguments: Any) -> Any:
    """Run `init` compiled, which is faster; as it is, where it cannot be compiled."""
    try:
        return compiled(init)(*arguments)
    except Exception:
        return init(*arguments)


def _shapes(tree: _Tree, kind: str) -> list[Any]:
    return [
        (path, np.shape(value), value.dtype)
        for path, value, each in zip(tree.paths, tree.values, tree.kinds, strict=True)
        if each == kind
    ]


def linen_model(request: Request) -> LinenModel:
    """Return the model of a linen module, bound to variables or not."""
    module, bound = request.layer, None
    if module.scope is not None:
        module, bound = module.unbind()
    arguments = call_arguments(request, module.__call__)
    fields = {f.name for f in dataclasses.fields(module)}
    flags = {
        name: value
        for name, value in FLAGS.items()
        if name in fields
        and name not in arguments.flags
        and isinstance(getattr(module, name), bool)
    }
    return LinenModel(module, arguments, request, flags, bound)


def _tree_of(variables: Any) -> _Tree:
    variables = nn.meta.unbox(variables)
    found, structure = jax.tree_util.tree_flatten_with_path(variables)
    paths = tuple(
        tuple(jax.tree_util.keystr((step,), simple=True) for step in path) for path, _ in found
    )
    return _Tree(structure, paths, tuple(value for _, value in found))


def _kind(path: tuple[str, ...], value: Any) -> str:
    if path[0] == "params":
        return "learnable" if is_inexact(value) else "constant"
    return "constant" if path[0] in _NO_STATES else "state"


def _updated(tree: _Tree, updated: Any, states: Arrays) -> Arrays:
    """The states after a pass; those that it did not touch are as they were."""
    new = _tree_of(updated)
    values = dict(zip(new.paths, new.values, strict=True))
    paths = [p for p, kind in zip(tree.paths, tree.kinds, strict=True) if kind == "state"]
    return tuple(values.get(path, state) for path, state in zip(paths, states, strict=True))
