"""How a Keras layer is called: its inputs, alone, in a list or in a dict; training or not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from layercheck import LayoutError, Request, input_names
from layercheck_keras.engines import Leaves
from layercheck_keras.program import Pass, layers_of

_NEVER = ("training", "mask", "initial_state", "sequence_length")
_STARTS = ("return_", "use_")
_CONTAINERS = (keras.Sequential, keras.models.Model)


def passing(request: Request) -> Pass:
    """Find out how the layer takes its inputs.

    Raises
    ------
    LayoutError
        The layouts are not as many as the inputs.
    """
    layer = request.layer
    structure = getattr(layer, "_inputs_struct", None)
    training = trains(layer)
    if structure is not None:
        return _of_graph(request, structure, training)
    function = layer.call if isinstance(layer, keras.Layer) else layer
    wanted = {name for name, _ in request.layouts}
    parameters = _parameters(function)
    known = [name for name in parameters if _is_option(name) and name not in wanted]
    names = input_names(request, function, known)
    if len(names) == 1 and (len(request.layouts) > 1 or wanted - {None, *parameters}):
        return _of_several(request, names[0], training)
    return Pass(names, lambda leaves: leaves, dict(request.call), training)


def trains(layer: Any) -> bool:
    """Whether a layer, or one in it, is told that it is training."""
    return any(
        "training" in _parameters(each.call)
        for each in layers_of(layer)
        if not isinstance(each, _CONTAINERS) or not _is_standard(each)
    )


def _is_standard(model: Any) -> bool:
    """Whether a model's pass is Keras's own, which hands ``training`` on."""
    return str(type(model).call.__module__).partition(".")[0] == "keras"


def _is_option(name: str) -> bool:
    return name in _NEVER or name.endswith("_mask") or name.startswith(_STARTS)


def _parameters(function: Any) -> Mapping[str, Any]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _of_several(request: Request, name: str, training: bool) -> Pass:
    """The layer takes one list, or one dict where layouts name its entries."""
    given = [each for each, _ in request.layouts]
    if all(each is None for each in given):
        names = tuple(f"{name}.{number}" for number in range(len(given)))
        return Pass(names, lambda leaves: (list(leaves),), dict(request.call), training)
    if None in given:
        raise LayoutError(
            f"{request.name} takes one argument, {name}, and some layouts name an entry of it "
            "and some do not. Name all of them, or none for a list."
        )
    keys = tuple(str(each) for each in given)
    return Pass(
        keys, lambda leaves: (dict(zip(keys, leaves, strict=True)),), dict(request.call), training
    )


def _of_graph(request: Request, structure: Any, training: bool) -> Pass:
    """A functional model: its inputs are those that it was made of."""
    flat = keras.tree.flatten(structure)
    names = tuple(each.name for each in flat)

    def gather(leaves: Leaves) -> tuple[Any, ...]:
        return (keras.tree.pack_sequence_as(structure, list(leaves)),)

    return Pass(names, gather, dict(request.call), training)
