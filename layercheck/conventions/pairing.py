"""Which array of a layer is the gradient of which learnable, by name and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from layercheck.conventions.places import Place, Step
from layercheck.conventions.tree import attributes
from layercheck.conventions.vocabulary import (
    ALL_PARAMETERS,
    GRADIENTS,
    VALUES,
    is_gradient_of,
    normal,
    synonyms,
)

Pairs = dict[Place, Place]


def pair(layer: Any, learnables: Iterable[Place]) -> Pairs:
    """Return the place of the gradient of each learnable that has one.

    Exact names come before synonyms (``dweights`` for ``W``), and no gradient is used twice.
    The first array of the learnable's shape wins; where none has it, one of another shape: that
    is for a check to find.
    """
    found: Pairs = {}
    places = list(learnables)
    for names in (_own_name, _synonyms):
        for place in places:
            if place not in found and place not in found.values():
                taken = {*found.values(), *found, place}
                candidates = [c for c in _candidates(layer, place, names(place)) if c not in taken]
                best = _best(layer, candidates, np.shape(place.find(layer)))
                if best is not None:
                    found[place] = best
    return found


def _own_name(place: Place) -> tuple[str, ...]:
    return (str(place.steps[-1][1]),)


def _synonyms(place: Place) -> tuple[str, ...]:
    return synonyms(place.steps[-1][1])


def _best(layer: Any, candidates: list[Place], shape: tuple[int, ...]) -> Place | None:
    for accepts in (
        lambda value: isinstance(value, np.ndarray) and value.shape == shape,
        lambda value: isinstance(value, np.ndarray),
        is_number,
        lambda value: value is None,
    ):
        for candidate in candidates:
            if accepts(candidate.find(layer)):
                return candidate
    return None


def is_number(value: Any) -> bool:
    """Whether a value is a number: a gradient that lost its axes."""
    return isinstance(value, (int, float, complex, np.generic)) and not isinstance(value, bool)


def _candidates(layer: Any, place: Place, names: tuple[str, ...]) -> Iterator[Place]:
    """Yield where the gradient of `place` may be, the most likely place first."""
    if not names:
        return
    *path, last = place.steps
    owner = Place(tuple(path))
    if last[0] == "attribute":
        yield from _beside(layer, owner, names)
        yield from _in_containers(layer, owner, names, last)
        yield from _of_parameter(layer, owner, names)
        yield from _of_all(layer, place)
    else:
        yield from _in_container(layer, owner, names, last)
        holder = Place(tuple(path[:-1]))
        called = str(path[-1][1])
        yield from _in_containers(layer, holder, names, last, (called, *synonyms(called)))
        if last[0] == "key":
            yield from _beside(layer, holder, names)
    for depth in range(len(path)):
        relative = ".".join(str(name) for _, name in place.steps[depth:])
        outer = Place(tuple(path[:depth]))
        yield from _in_containers(layer, outer, (relative, relative.replace(".", "_")), last)


def _beside(layer: Any, owner: Place, names: tuple[str, ...]) -> Iterator[Place]:
    for attribute in _names_of(owner.find(layer)):
        if any(is_gradient_of(attribute, name) for name in names):
            yield owner / ("attribute", attribute)


def _names_of(item: Any) -> list[str]:
    """Return the names of an object's attributes, those of its properties last."""
    properties = [
        name
        for cls in type(item).__mro__[:-1]
        for name, value in vars(cls).items()
        if isinstance(value, property)
    ]
    return list(dict.fromkeys([*attributes(item), *properties]))


def _in_containers(
    layer: Any, holder: Place, names: tuple[str, ...], last: Step, container: tuple[str, ...] = ()
) -> Iterator[Place]:
    """Yield the entries for `last` of dicts and lists called grads, gradients and so on.

    Where the learnable is in a container itself, ``dweights`` is the one of ``weights``.
    """
    item = holder.find(layer)
    if isinstance(item, (dict, list, tuple, np.ndarray)):
        return
    for attribute in _names_of(item):
        if normal(attribute) in GRADIENTS or any(is_gradient_of(attribute, c) for c in container):
            yield from _in_container(layer, holder / ("attribute", attribute), names, last, True)


def _in_container(
    layer: Any, container: Place, names: tuple[str, ...], last: Step, same: bool = False
) -> Iterator[Place]:
    item = container.find(layer)
    if isinstance(item, dict):
        if same:
            yield from (container / ("key", key) for key in item if str(key) in names)
        for key in item:
            if any(is_gradient_of(key, name) for name in names):
                yield container / ("key", key)
    elif isinstance(item, (list, tuple)) and same and last[0] == "index" and last[1] < len(item):
        yield container / last


def _of_parameter(layer: Any, owner: Place, names: tuple[str, ...]) -> Iterator[Place]:
    """Yield ``grad`` of an object that holds a value and its gradient."""
    if not owner.steps or normal(names[0]) not in VALUES:
        return
    for attribute in _names_of(owner.find(layer)):
        if normal(attribute) in GRADIENTS | {"g", "d"}:
            yield owner / ("attribute", attribute)


def _of_all(layer: Any, place: Place) -> Iterator[Place]:
    """Yield the array ``grads`` beside one array of all parameters, ``params``."""
    *path, (_, name) = place.steps
    if normal(name) not in ALL_PARAMETERS:
        return
    owner, shape = Place(tuple(path)), np.shape(place.find(layer))
    for attribute in _names_of(owner.find(layer)):
        gradient = owner / ("attribute", attribute)
        if normal(attribute) in GRADIENTS and np.shape(gradient.find(layer)) == shape:
            yield gradient


def is_parameter_value(layer: Any, place: Place) -> bool:
    """Whether `place` is the value of an object that is one parameter: ``weight.data``."""
    *path, (kind, name) = place.steps
    if kind != "attribute" or not path or normal(name) not in VALUES - {"w", "weight"}:
        return False
    return any(_of_parameter(layer, Place(tuple(path)), (str(name),)))


def sentence(place: Place) -> str:
    """Return where a gradient is, in words: ``attribute dW of fc1``, ``key W of grads``."""
    *path, (kind, name) = place.steps
    word = {"attribute": "attribute", "key": "key", "index": "item"}[kind]
    owner = Place(tuple(path)).name
    return f"{word} {name} of {owner}" if owner else f"{word} {name}"
