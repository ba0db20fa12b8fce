"""Layers that must be told their sizes before the first forward: ``build``, ``initialize``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

from layercheck.calling import call_layer
from layercheck.conventions.recorder import Recorder
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.vocabulary import INITIALIZERS, SHAPES, SIZES, normal
from layercheck.layout import Layout

Initialise = Callable[[Any, tuple[Layout, ...]], None]
_KINDS = ("whole", "observation")


def ways(layer: Any) -> Iterator[Initialise]:
    """Yield the ways in which the layer's own methods may initialise it, the likely one first.

    A shape may be the whole input's, as Keras passes it, or that of one observation.
    """
    names = [name for name in INITIALIZERS if callable(getattr(layer, name, None))]
    for kind, count in product(_KINDS, range(len(names), 0, -1)):
        chosen = tuple(names[:count])
        if all(_can_call(getattr(layer, name)) for name in chosen):
            yield partial(_call_all, chosen, kind)


def _can_call(method: Callable[..., Any]) -> bool:
    known = SHAPES | SIZES | {"optimizer", "optimiser"}
    return all(normal(name) in known for name in signature_of(method).required)


def _call_all(names: tuple[str, ...], kind: str, layer: Any, layouts: tuple[Layout, ...]) -> None:
    for name in names:
        method = getattr(layer, name)
        arguments = [
            _value(normal(parameter), kind, layouts[0])
            for parameter in signature_of(method).required
        ]
        call_layer(f"{name}()", method, *arguments)


def _value(name: str, kind: str, layout: Layout) -> Any:
    """Return what an argument of this name is told."""
    if name in ("optimizer", "optimiser"):
        return Recorder()
    if name in SIZES:
        channels = layout.axis("C")
        return layout.shape[-1 if channels is None else channels]
    return layout.shape if kind == "whole" else observation_shape(layout)


def observation_shape(layout: Layout) -> tuple[int, ...]:
    """Return the shape of one observation."""
    pairs = zip(layout.format, layout.shape, strict=True)
    return tuple(size for label, size in pairs if label != "B")
