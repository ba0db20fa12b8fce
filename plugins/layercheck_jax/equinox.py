"""Equinox modules as models: floating arrays are learnables, StateIndex values are states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from layercheck import Layout, Request, Slot, Source
from layercheck_jax.arguments import CallArguments, call_arguments
from layercheck_jax.kinds import is_with_state
from layercheck_jax.model import Arrays, Values
from layercheck_jax.outputs import is_inexact
from layercheck_jax.places import source_of

_BATCH = "batch"


@dataclass(frozen=True)
class EquinoxModel:
    """An Equinox module. See `Model`.

    Parameters
    ----------
    layer : object
        The module, or the module and its state.
    modules : mapping, mode -> module
    state : eqx.nn.State or None
    formats : tuple of str
        The labels of the inputs: where one has B, the module is called under ``jax.vmap``.
    axis_name : str
        What the module calls the axis of observations.
    """

    layer: Any
    arguments: CallArguments
    modules: Mapping[str, Any]
    state: Any
    formats: tuple[str, ...]
    axis_name: str
    convention: str = "equinox"

    @property
    def one_pass(self) -> bool:
        """Neither an argument nor ``inference`` tells training from inference."""
        return not self.arguments.flags and not _has_inference(self.modules["forward"])

    @property
    def notes(self) -> tuple[str, ...]:
        """How the module is called."""
        if self._is_mapped:
            return ("called under jax.vmap: the layout has B, and a module takes one observation",)
        return ("called without jax.vmap: the layout has no B",)

    @property
    def _is_mapped(self) -> bool:
        return any("B" in labels for labels in self.formats)

    @property
    def sources(self) -> dict[str, Source]:
        """Where ``__call__`` is written."""
        place = source_of(type(self.modules["forward"]).__call__)
        return {"forward": place, "predict": place}

    def replaced(self, layer: Any) -> EquinoxModel:
        """Return the model of a copy of the module."""
        module, state = _module_and_state(layer)
        return replace(self, layer=layer, modules=_modes(module), state=state)

    def values(self, layouts: tuple[Layout, ...]) -> Values:
        """Return the arrays of the module, and the values of its state."""
        paths, values = _floating(self.modules["forward"])
        learnables = (
            Slot(name, np.asarray(value), "a floating array of the module")
            for name, value in zip(paths, values, strict=True)
        )
        states = (
            Slot(name, np.asarray(value), "the value of a StateIndex")
            for name, value in self._states(self.state)
        )
        return Values(tuple(learnables), tuple(states))

    def apply(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, key: Any, mode: str
    ) -> tuple[Any, Arrays]:
        """Call the module with these arrays, once for each observation."""
        module = _with_floating(self.modules[mode], learnables)
        state = self._with_states(states)

        def call(inputs: Arrays, key: Any) -> Any:
            others = {} if state is None else {"state": state}
            keys = self.arguments.split(key)
            positional, named = self.arguments.bind(inputs, mode, keys, **others)
            found = module(*positional, **named)
            return found if state is None else _parted(found)

        found = self._mapped(call, state is not None)(inputs, key)
        if state is None:
            return found, ()
        outputs, new = found
        return outputs, tuple(value for _, value in self._states(new))

    def _mapped(self, call: Any, has_state: bool) -> Any:
        axes = tuple(labels.index("B") if "B" in labels else None for labels in self.formats)
        if not self._is_mapped:
            return call
        out = _output_axis(self.formats)

        def run(inputs: Arrays, key: Any) -> Any:
            size = next(x.shape[a] for x, a in zip(inputs, axes, strict=True) if a is not None)
            return jax.vmap(
                call,
                in_axes=(axes, 0),
                out_axes=(out, None) if has_state else out,
                axis_name=self.axis_name,
            )(inputs, jax.random.split(key, size))

        return run

    def _states(self, state: Any) -> Iterator[tuple[str, Any]]:
        """The arrays that a state holds, in order, with their names."""
        for path, index in _indices(self.modules["forward"]):
            found, _ = jax.tree_util.tree_flatten_with_path(state.get(index))
            for inner, value in found:
                yield _name((*path, *inner)), value

    def _with_states(self, values: Arrays) -> Any:
        """The state with other values, whose dtypes may differ: ``State.set`` refuses those."""
        if self.state is None:
            return None
        leaves, structure = jax.tree.flatten(self.state)
        places = jax.tree.unflatten(structure, range(len(leaves)))
        for (_, place), value in zip(self._states(places), values, strict=True):
            leaves[place] = value
        return jax.tree.unflatten(structure, leaves)


def equinox_model(request: Request) -> EquinoxModel:
    """Return the model of an Equinox module, or of one with its state."""
    module, state = _module_and_state(request.layer)
    others = ("state",) if state is not None else ()
    arguments = call_arguments(request, module.__call__, others)
    layouts = request.ordered_layouts(arguments.inputs)
    formats = tuple(layout.format for layout in layouts)
    return EquinoxModel(
        request.layer, arguments, _modes(module), state, formats, _axis_name(module)
    )


def _module_and_state(layer: Any) -> Any:
    """The module without the initial values of its state, and the state; None where it has none."""
    if is_with_state(layer):
        return layer
    if not any(True for _ in _indices(layer)):
        return layer, None
    return eqx.nn.make_with_state(lambda: layer)()


def _modes(module: Any) -> dict[str, Any]:
    """The module with ``inference`` off and on, in static fields and unset ones, too."""
    found = {}
    for mode in ("forward", "predict"):
        found[mode] = jax.tree.map(lambda x: x, module)
        for inner in modules_in(found[mode]):
            if isinstance(getattr(inner, "inference", None), bool):
                object.__setattr__(inner, "inference", mode == "predict")
    return found


def _indices(module: Any) -> list[tuple[Any, Any]]:
    """Each StateIndex of a module, with the path to it."""
    found, _ = jax.tree_util.tree_flatten_with_path(
        module, is_leaf=lambda x: isinstance(x, eqx.nn.StateIndex)
    )
    return [(path, leaf) for path, leaf in found if isinstance(leaf, eqx.nn.StateIndex)]


def _floating(module: Any) -> tuple[list[str], list[Any]]:
    """The names and values of the floating arrays of a module."""
    found, _ = jax.tree_util.tree_flatten_with_path(module)
    chosen = [(path, leaf) for path, leaf in found if _is_learnable(leaf)]
    return [_name(path) for path, _ in chosen], [leaf for _, leaf in chosen]


def _with_floating(module: Any, values: Arrays) -> Any:
    leaves, structure = jax.tree.flatten(module)
    left = iter(values)
    return jax.tree.unflatten(
        structure, [next(left) if _is_learnable(leaf) else leaf for leaf in leaves]
    )


def _is_learnable(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and is_inexact(leaf)


def _name(path: Any) -> str:
    return str(jax.tree_util.keystr(path, simple=True, separator="."))


def modules_in(module: Any) -> Iterator[Any]:
    """Yield a module and those inside it."""
    yield module
    parts = jax.tree.leaves(module, is_leaf=lambda x: isinstance(x, eqx.Module) and x is not module)
    for part in parts:
        if isinstance(part, eqx.Module):
            yield from modules_in(part)


def _has_inference(module: Any) -> bool:
    return any(hasattr(inner, "inference") for inner in modules_in(module))


def _axis_name(module: Any) -> str:
    """The name under which a module inside averages over observations."""
    names = [getattr(inner, "axis_name", None) for inner in modules_in(module)]
    return next((name for name in names if isinstance(name, str)), _BATCH)


def _output_axis(formats: tuple[str, ...]) -> int:
    """Where outputs have their observations: as the first input that has B."""
    labels = next(labels for labels in formats if "B" in labels)
    axis = labels.index("B")
    return -1 if axis == len(labels) - 1 else axis


def _parted(found: Any) -> Any:
    """The outputs and the state of a call of a module with state."""
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], eqx.nn.State):
        return found
    raise TypeError(
        "a module that takes a state returns (outputs, state); this one returned "
        f"{type(found).__name__}"
    )
