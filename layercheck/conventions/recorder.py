"""A stand-in for an optimizer: it writes down the gradients that backward hands to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.conventions.places import Place
from layercheck.conventions.tree import Opaque, attributes, walk
from layercheck.conventions.vocabulary import OPTIMIZERS, UPDATES

_NUMERIC = (np.ndarray, np.generic, float)


class Recorder(Opaque):
    """Takes the place of an optimizer, whatever its method is called.

    It returns the weights after a step along the gradient, as an optimizer does: a backward that
    updates before it computes the input's gradient is then seen. Copies share their record.
    """

    def __init__(self) -> None:
        self.record: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        record = self.record

        def update(*args: Any, **kwargs: Any) -> Any:
            return _update(record, name, (*args, *kwargs.values()))

        return update

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take weights and gradient, as ``optimizer(w, g)``."""
        return _update(self.record, "__call__", (*args, *kwargs.values()))


def _update(record: list[tuple[str, tuple[Any, ...]]], name: str, given: tuple[Any, ...]) -> Any:
    record.append((name, given))
    arrays: list[Any] = [value for value in given if isinstance(value, _NUMERIC)]
    if len(arrays) >= 2:
        return arrays[0] - arrays[1]
    return arrays[0] if arrays else None


def clear(layer: Any) -> None:
    """Empty the record of every recorder of a layer."""
    for _, value in walk(layer):
        if isinstance(value, Recorder):
            value.record.clear()


def has_recorder(layer: Any) -> bool:
    """Whether a recorder stands somewhere in a layer."""
    return any(isinstance(value, Recorder) for _, value in walk(layer))


def records(layer: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """Return what the recorders of a layer got, in order of time for each recorder."""
    found: dict[int, list[tuple[str, tuple[Any, ...]]]] = {}
    for _, value in walk(layer):
        if isinstance(value, Recorder):
            found[id(value.record)] = value.record
    return [entry for record in found.values() for entry in record]


def gradient_for(
    learnable: Any, entries: list[tuple[str, tuple[Any, ...]]]
) -> tuple[str, Any] | None:
    """Return the method and the gradient of the last entry that names `learnable` itself."""
    for name, given in reversed(entries):
        if any(value is learnable for value in given):
            others = [v for v in given if isinstance(v, _NUMERIC) and v is not learnable]
            if others:
                return name, others[0]
    return None


def optimizers(layer: Any) -> list[Place]:
    """Return the places of the optimizers that a layer and its parts hold."""
    return [
        place
        for place, value in _attributes(layer)
        if place.steps[-1][0] == "attribute" and _is_optimizer(str(place.steps[-1][1]), value)
    ]


def _attributes(layer: Any) -> list[tuple[Place, Any]]:
    own = [(Place.attribute(name), value) for name, value in attributes(layer).items()]
    return [*own, *((place, value) for place, value in walk(layer) if len(place.steps) > 1)]


def _is_optimizer(name: str, value: Any) -> bool:
    text = name.lower().strip("_")
    named = text in OPTIMIZERS or text.endswith(("_opt", "_optimizer", "_optim", "optimizer"))
    return (
        named
        and not isinstance(value, (str, bytes, int, float, bool, type(None), np.ndarray))
        and any(callable(getattr(value, method, None)) for method in (*UPDATES, "__call__"))
    )
