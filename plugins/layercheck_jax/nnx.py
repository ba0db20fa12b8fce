"""Flax nnx modules as models: Params are learnables, other Variables are states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from flax import nnx

from layercheck import Layout, Request, Slot, Source
from layercheck_jax.arguments import CallArguments, call_arguments
from layercheck_jax.model import Arrays, Values
from layercheck_jax.outputs import is_inexact
from layercheck_jax.places import source_of

Path = tuple[Any, ...]


@dataclass(frozen=True)
class NnxModel:
    """An nnx module. See `Model`.

    Parameters
    ----------
    graphs : mapping, mode -> graph definition
        The module after ``train()`` and after ``eval()``, without its Variables.
    structure, variables : pytree structure, tuple of (path, Variable)
        The Variables of the module.
    """

    layer: Any
    arguments: CallArguments
    graphs: Mapping[str, Any]
    structure: Any
    variables: tuple[tuple[Path, Any], ...]
    convention: str = "nnx"
    notes: tuple[str, ...] = ()

    @property
    def one_pass(self) -> bool:
        """Neither an argument nor train() and eval() tell training from inference."""
        return not self.arguments.flags and self.graphs["forward"] == self.graphs["predict"]

    @property
    def sources(self) -> dict[str, Source]:
        """Where ``__call__`` is written."""
        place = source_of(type(self.layer).__call__)
        return {"forward": place, "predict": place}

    def replaced(self, layer: Any) -> NnxModel:
        """Return the model of a copy of the module."""
        return replace(_model(layer, self.arguments), notes=self.notes)

    def values(self, layouts: tuple[Layout, ...]) -> Values:
        """Return the values of the Variables."""
        return Values(tuple(self._slots("learnable")), tuple(self._slots("state")))

    def _slots(self, wanted: str) -> Iterator[Slot]:
        for path, variable in self.variables:
            if _kind(variable) == wanted:
                name = ".".join(map(str, path))
                found = f"an nnx.{type(variable).__name__}"
                yield Slot(name, np.asarray(_value(variable)), found)

    def apply(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, key: Any, mode: str
    ) -> tuple[Any, Arrays]:
        """Merge the module with these values, call it, and split it again."""
        rows = {"learnable": iter(learnables), "state": iter(states)}
        leaves = [
            _with_value(variable, next(rows[kind]) if kind in rows else _reseeded(variable, key, i))
            for i, (_, variable) in enumerate(self.variables)
            for kind in (_kind(variable),)
        ]
        module = nnx.merge(self.graphs[mode], jax.tree.unflatten(self.structure, leaves))
        keys = self.arguments.split(key)
        keys |= {name: nnx.Rngs(own) for name, own in keys.items() if name == "rngs"}
        positional, named = self.arguments.bind(inputs, mode, keys)
        outputs = module(*positional, **named)
        left = dict(_variables(nnx.state(module))[0])
        return outputs, tuple(
            _value(left[path]) for path, variable in self.variables if _kind(variable) == "state"
        )


def nnx_model(request: Request) -> NnxModel:
    """Return the model of an nnx module."""
    return _model(request.layer, call_arguments(request, request.layer.__call__))


def _model(module: Any, arguments: CallArguments) -> NnxModel:
    modes = {"forward": nnx.clone(module), "predict": nnx.clone(module)}
    modes["forward"].train()
    modes["predict"].eval()
    graphs = {mode: nnx.split(copy)[0] for mode, copy in modes.items()}
    found, structure = _variables(nnx.split(modes["forward"])[1])
    return NnxModel(module, arguments, graphs, structure, tuple(found))


def _variables(state: Any) -> tuple[list[tuple[Path, Any]], Any]:
    """The Variables of a state, each with the path of names to it."""
    is_leaf: Callable[[Any], bool] = lambda x: isinstance(x, nnx.Variable)  # noqa: E731
    found, structure = jax.tree_util.tree_flatten_with_path(state, is_leaf=is_leaf)
    return [
        (tuple(jax.tree_util.keystr((step,), simple=True) for step in path), variable)
        for path, variable in found
    ], structure


def _kind(variable: Any) -> str:
    if not isinstance(variable, nnx.Variable):
        return "constant"
    if isinstance(variable, nnx.RngState):
        return "random"
    value = _value(variable)
    if isinstance(variable, nnx.Param):
        return "learnable" if _is_array(value) and is_inexact(value) else "constant"
    return "state" if _is_array(value) else "constant"


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    extended = jax.dtypes.extended
    return isinstance(value, jax.Array) and not jax.numpy.issubdtype(value.dtype, extended)


def _value(variable: Any) -> Any:
    return variable.get_value()


def _with_value(variable: Any, value: Any) -> Any:
    return variable if value is None else variable.replace(value)


def _reseeded(variable: Any, key: Any, number: int) -> Any:
    """The value of a random stream for a pass: a key of its own, counted from 0; None: others."""
    if isinstance(variable, nnx.RngKey):
        own = jax.random.fold_in(key, number)
        raw = not jax.numpy.issubdtype(_value(variable).dtype, jax.dtypes.prng_key)
        return jax.random.key_data(own) if raw else own
    if isinstance(variable, nnx.RngCount):
        return jax.numpy.zeros_like(_value(variable))
    return None
