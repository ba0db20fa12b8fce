"""Layers are built by a first call, as Keras does it; for another layout where they must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from layercheck import LayerError, Layout, LayoutError, Request, call_layer, example_inputs
from layercheck_keras.engines import Engine
from layercheck_keras.program import Pass, plain_errors
from layercheck_keras.variables import Variables

Build = Callable[[tuple[Layout, ...]], Any]


def built(request: Request, how: Pass, layouts: tuple[Layout, ...], engine: Engine) -> Build:
    """Build the layer of a request, and return it for any layouts.

    A layer whose states follow the batch size is built again for another one.

    Raises
    ------
    LayoutError
        The layer says by itself that it takes no such input.
    """
    _require_channels(request, layouts)
    _first_call(request, request.layer, how, layouts, engine)
    follows = any(getattr(each, "stateful", False) for each in _parts(request.layer))

    def at(wanted: tuple[Layout, ...]) -> Any:
        if not follows or _batches(wanted) == _batches(layouts):
            return request.layer
        other = request.fresh(request.seed) if request.fresh else _again(request.layer)
        _first_call(request, other, how, wanted, engine)
        return other if _shapes(other) == _shapes(request.layer) else request.layer

    return at


def _shapes(layer: Any) -> tuple[list[Any], int]:
    found = Variables.of(layer)
    return [tuple(v.shape) for v in found.learnables], len(found.states)


def _parts(layer: Any) -> list[Any]:
    return list(layer._flatten_layers()) if isinstance(layer, keras.Layer) else []


def _again(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _batches(layouts: tuple[Layout, ...]) -> list[int | None]:
    return [each.shape[each.find("B")] for each in layouts if "B" in each.format]


def _first_call(
    request: Request, layer: Any, how: Pass, layouts: tuple[Layout, ...], engine: Engine
) -> None:
    """Call the layer once, so that it has its weights; what it raises, shapes.predict tells."""
    if not isinstance(layer, keras.Layer):
        return
    before = {id(v): np.array(keras.ops.convert_to_numpy(v)) for v in Variables.of(layer).all}
    inputs = example_inputs(request, how.names, layouts, np.dtype(keras.config.floatx()))
    keywords = {**how.keywords, **({"training": False} if how.training else {})}
    given = how.gather(tuple(map(engine.tensor, inputs)))
    try:
        with plain_errors():
            call_layer("forward()", layer, *given, **keywords)
    except LayerError as error:
        _explain(request, how, layouts, error)
    for variable in Variables.of(layer).all:
        if id(variable) in before:
            variable.assign(before[id(variable)])


def _explain(request: Request, how: Pass, layouts: tuple[Layout, ...], error: LayerError) -> None:
    """Raise `LayoutError` where Keras refuses the shape of the input, or the layer a list."""
    text = str(error.original)
    if len(layouts) > 1 and all("." in name for name in how.names):
        one = how.names[0].partition(".")[0]
        raise LayoutError(
            f"{request.name} takes one input ({one}), and {len(layouts)} layouts were given: they "
            f"make a list, and then {error}. Pass one --layout, or name the entries of a dict."
        )
    if not isinstance(error.original, ValueError) or "incompatible with the layer" not in text:
        return
    said = text.splitlines()[0]
    raise LayoutError(
        f"{request.name} does not take the layout {layouts[0]}. Keras says: {said}{_order(layouts)}"
    )


def _order(layouts: tuple[Layout, ...]) -> str:
    wanted = _in_order(layouts[0])
    if wanted is None:
        return " Give the sizes that the layer was built for."
    return f" Keras takes observations first and channels last: pass --layout {wanted}."


def _in_order(layout: Layout, first: bool = False) -> Layout | None:
    """Return the layout in Keras's own order, None where it is."""
    labels = list(zip(layout.format, layout.size, strict=True))
    places = {"B": 0, "C": 1 if first else 3}
    ordered = sorted(labels, key=lambda each: places.get(each[0], 2))
    if ordered == labels:
        return None
    return Layout("".join(label for label, _ in ordered), tuple(n for _, n in ordered))


def _require_channels(request: Request, layouts: tuple[Layout, ...]) -> None:
    """Refuse channels where the layer, by its own ``data_format``, has something else."""
    order = getattr(request.layer, "data_format", None)
    layout = layouts[0]
    if order is None or layout.format.count("C") != 1 or "B" not in layout.format:
        return
    wanted = _in_order(layout, order == "channels_first")
    if wanted is not None:
        raise LayoutError(
            f"{request.name} has data_format={order!r}, and the layout {layout} has another "
            f"order. Pass --layout {wanted}."
        )
