"""The arrays of a layer, sorted: what passes change, what stays, what the first forward builds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.conventions.building import built
from layercheck.conventions.calls import ForwardCall
from layercheck.conventions.influence import Influence, Observed, observe
from layercheck.conventions.places import Place
from layercheck.conventions.trials import Bench, run, same
from layercheck.copying import copy_object
from layercheck.errors import LayerError


@dataclass(frozen=True)
class State:
    """An array that the training forward changes, and that something depends on.

    Parameters
    ----------
    recurrent : bool
        The training forward's output depends on it.
    lazy : bool
        The first forward makes it.
    zero : bool
        Zeros in its place do the same as its absence.
    """

    place: Place
    recurrent: bool
    lazy: bool = False
    zero: bool = False


@dataclass(frozen=True)
class Sorted:
    """What a layer holds.

    Parameters
    ----------
    observed : Observed
        Two forwards of the layer, built.
    states : tuple of State
    fixed : tuple of Place
        Arrays that no forward changes, lazily built ones included.
    lazy : tuple of Place
        Arrays that the first forward makes and later ones need.
    """

    observed: Observed
    states: tuple[State, ...]
    fixed: tuple[Place, ...]
    lazy: tuple[Place, ...]


def sort_arrays(observed: Observed) -> Sorted:
    """Sort the arrays of a layer that was observed."""
    states = {
        place: State(place, found.training, place not in observed.before)
        for place, found in _depended(observed, _changing(observed)).items()
    }
    held = [place.find(observed.first) for place in observed.before]
    made = [p for p in observed.built if p not in states]
    weights = observed.influencing(
        place for place in made if not shares_any(place.find(observed.first), held)
    )
    lazy = (*weights, *(place for place, state in states.items() if state.lazy))
    if not lazy:
        fixed = tuple(p for p in observed.before if not observed.changes(p))
        return Sorted(observed, tuple(states.values()), fixed, ())
    zero = _zeros_do_the_same(observed, [p for p, state in states.items() if state.lazy])
    layer = built(observed, lazy)
    if zero:
        set_zero(layer, (p for p, state in states.items() if state.lazy))
        states = {p: replace(state, zero=state.lazy) for p, state in states.items()}
    again = replace(observe(layer, observed.forward, observed.bench), results=observed.results)
    fixed = tuple(p for p in again.before if p not in states and not again.changes(p))
    return Sorted(again, tuple(states.values()), fixed, lazy)


def shares_any(array: Any, others: Iterable[Any]) -> bool:
    """Whether an array shares memory with one of others: a view of weights is no weight."""
    return isinstance(array, np.ndarray) and any(
        isinstance(other, np.ndarray) and np.may_share_memory(array, other) for other in others
    )


def _changing(observed: Observed) -> list[Place]:
    return [place for place in observed.between if observed.changes(place)]


def _depended(observed: Observed, places: Iterable[Place]) -> dict[Place, Influence]:
    """Return the influence of places on outputs or on what the next forward leaves there."""
    places = [place for place in places if place in observed.after]
    if not places:
        return {}
    together = observed.influence(*places)
    if not (together.outputs or together.itself):
        return {}
    each = {place: observed.influence(place) for place in places}
    return {place: found for place, found in each.items() if found.outputs or found.itself}


def set_zero(layer: Any, places: Iterable[Place]) -> None:
    """Write zeros into arrays of a layer."""
    for place in places:
        place.write(layer, np.zeros_like(place.find(layer)))


def _zeros_do_the_same(observed: Observed, places: list[Place]) -> bool:
    """Whether the first forward does the same with zeros as without the states it makes."""
    layer = copy_object(observed.base)
    try:
        for place in places:
            place.put(layer, np.zeros_like(place.find(observed.first)))
        returned = run(layer, observed.forward, observed.bench, 0)
    except (LayerError, AttributeError, KeyError, IndexError, TypeError):
        return False
    outputs = observed.outputs(layer, returned)
    expected = observed.outputs(observed.first, observed.returned)
    return same(outputs, expected) and all(
        same(place.find(layer), place.find(observed.first)) for place in places
    )


def rebuilt(base: Any, forward: ForwardCall, bench: Bench, found: Sorted) -> Any:
    """Return a copy of `base` that was built by a forward on the data of `bench`."""
    observed = replace(observe(base, forward, bench), results=found.observed.results)
    layer = built(observed, found.lazy)
    set_zero(layer, (state.place for state in found.states if state.zero))
    return layer
