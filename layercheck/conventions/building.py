"""Layers that make their weights in the first forward: built once, and then as if new."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from layercheck.conventions.influence import Observed
from layercheck.conventions.places import Place
from layercheck.conventions.tree import lists, walk
from layercheck.conventions.trials import run, same
from layercheck.copying import copy_object
from layercheck.errors import LayerError

_CONTAINERS = (dict, list, tuple, np.ndarray)


def as_new(observed: Observed, kept: Iterable[Place]) -> Any:
    """Return the layer after its first forward, without what every forward leaves anew.

    Lists that were empty are empty again: a layer that keeps every forward would otherwise pair
    an upstream gradient with the input of another forward. Caches are removed; what the second
    forward leaves alone stays, as do flags and `kept`.
    """
    base, second = observed.base, observed.second
    restored = copy_object(observed.first)
    keep = [place.steps for place in kept]
    for place, value in list(walk(restored)):
        if not isinstance(value, _CONTAINERS) or any(_holds(place, steps) for steps in keep):
            continue
        before = place.find(base)
        if same(value, place.find(second)):
            continue
        if before is None or (isinstance(before, (dict, list)) and not before):
            _put_back(restored, base, place, before)
    return restored


def empty_lists(layer: Any, base: Any) -> Any:
    """Return a copy of `layer`, which was run, with the lists that were empty in `base` empty."""
    restored = copy_object(layer)
    for place, value in list(lists(restored).items()):
        if is_empty_list(place.find(base)):
            value.clear()
    return restored


def is_empty_list(value: Any) -> bool:
    """Whether a value is a list without items; an array is none."""
    return isinstance(value, list) and not value


def _holds(place: Place, steps: tuple[Any, ...]) -> bool:
    return steps[: len(place.steps)] == place.steps


def _put_back(layer: Any, base: Any, place: Place, before: Any) -> None:
    *path, (kind, name) = place.steps
    try:
        owner, owner_before = Place(tuple(path)).get(layer), Place(tuple(path)).get(base)
    except (AttributeError, KeyError, IndexError, TypeError):
        return  # what it lies in has been put back already
    had = name in owner_before if kind == "key" else hasattr(owner_before, str(name))
    try:
        if had:
            place.put(layer, copy_object(before))
        elif kind == "key":
            del owner[name]
        elif kind == "attribute":
            delattr(owner, name)
    except (AttributeError, TypeError, KeyError):
        return


def built(observed: Observed, kept: Iterable[Place]) -> Any:
    """Return the layer with what its first forward built, otherwise as if new."""
    kept = tuple(kept)
    for layer in (
        as_new(observed, kept),
        empty_lists(observed.first, observed.base),
    ):
        if _behaves(observed, layer):
            return layer
    return copy_object(observed.first)


def _behaves(observed: Observed, layer: Any) -> bool:
    """Whether a forward of `layer` gives what the second forward gave."""
    outcomes = []
    for each in (layer, observed.first):
        tried = copy_object(each)
        try:
            returned = run(tried, observed.forward, observed.bench, 1)
        except LayerError:
            return False
        outcomes.append(observed.outputs(tried, returned))
    return same(*outcomes)
