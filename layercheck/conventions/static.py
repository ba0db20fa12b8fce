"""Learnables and gradients read from names and code alone, where the layer does not run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from layercheck.conventions.pairing import Pairs, pair
from layercheck.conventions.places import Place
from layercheck.conventions.tree import is_users
from layercheck.conventions.vocabulary import is_gradient_of, synonyms


def pair_by_source(layer: Any, places: Iterable[Place]) -> Pairs:
    """Return gradients that the layer holds, or that its methods mention by name."""
    places = tuple(places)
    found = pair(layer, places)
    for place in places:
        *path, (kind, name) = place.steps
        if place in found or place in found.values() or kind != "attribute":
            continue
        mentioned = names_mentioned(Place(tuple(path)).get(layer))
        for wanted in (str(name), *synonyms(name)):
            attribute = next((n for n in mentioned if is_gradient_of(n, wanted)), None)
            if attribute is not None:
                found[place] = Place(tuple(path)) / ("attribute", attribute)
                break
    return found


def names_mentioned(item: Any) -> list[str]:
    """Return the attribute names in the methods of an object's classes."""
    names: dict[str, None] = {}
    for cls in type(item).__mro__:
        for method in vars(cls).values() if is_users(cls) else ():
            code = getattr(method, "__code__", None)
            names.update(dict.fromkeys(code.co_names if code is not None else ()))
    return list(names)
