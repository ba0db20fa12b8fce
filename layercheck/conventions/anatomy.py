"""What trial runs and names tell about an object: outputs, learnables, states, gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from layercheck.conventions.calls import BackwardCall, ForwardCall
from layercheck.conventions.declared import declared_learnables, declared_states
from layercheck.conventions.driving import ObjectDriver, Results
from layercheck.conventions.finding import find_gradients
from layercheck.conventions.influence import observe
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.results import find_results
from layercheck.conventions.sorting import Sorted, State, rebuilt, sort_arrays
from layercheck.conventions.sources import At, Returned
from layercheck.conventions.static import pair_by_source
from layercheck.conventions.tree import arrays
from layercheck.conventions.trials import Bench
from layercheck.conventions.vocabulary import is_learnable_name
from layercheck.layout import Layout

_NOT_RUN = "not looked for: forward() raised"


@dataclass(frozen=True)
class Anatomy:
    """An object, understood.

    Parameters
    ----------
    base : object
        A layer, initialised and built, that has not been run.
    finish : callable, (layer, layouts) -> layer
        Makes an initialised layer ready in the same way.
    learnables : tuple of (place, how it was found, where its gradient is)
    states : tuple of (place, how it was found, whether it is recurrent)
    """

    base: Any
    driver: ObjectDriver
    finish: Callable[[Any, tuple[Layout, ...]], Any]
    learnables: tuple[tuple[Place, str, str | None], ...] = ()
    states: tuple[tuple[Place, str, bool | None], ...] = ()
    announces_update: bool = False
    signatures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def dissect(
    request: Request, base: Any, forward: ForwardCall, backward: BackwardCall | None, bench: Bench
) -> Anatomy:
    """Learn from trial runs on the data of `bench`."""
    observed = observe(base, forward, bench)
    results = find_results(request, observed, backward)
    found = sort_arrays(replace(observed, results=results))
    driver = ObjectDriver(forward, results, backward)
    gradients = find_gradients(
        request, found, driver, declared_learnables(request, found.observed.base)
    )

    def finish(layer: Any, layouts: tuple[Layout, ...]) -> Any:
        if found.lazy:
            layer = _built(layer, forward, layouts, bench, found)
        gradients.install(layer)
        return layer

    layer = found.observed.base
    gradients.install(layer)
    return Anatomy(
        layer,
        gradients.driver,
        finish,
        gradients.learnables,
        _states(request, found, [place for place, _, _ in gradients.learnables]),
        gradients.announces_update,
        notes=gradients.notes,
    )


def _built(
    layer: Any, forward: ForwardCall, layouts: tuple[Layout, ...], bench: Bench, found: Sorted
) -> Any:
    own = replace(bench, layouts=tuple(layout.resolved() for layout in layouts))
    return rebuilt(layer, forward, own, found)


def _states(
    request: Request, found: Sorted, learnables: list[Place]
) -> tuple[tuple[Place, str, bool | None], ...]:
    states = [state for state in found.states if state.place not in learnables]
    places = {state.place for state in states}
    declared = declared_states(request, found.observed.base)
    return (
        *((state.place, _how(state), state.recurrent) for state in states),
        *((place, "declared", None) for place in declared if place not in places),
    )


def _how(state: State) -> str:
    what = "its output depends on it" if state.recurrent else "only later passes depend on it"
    return f"changed by the training forward, and {what}"


def read_only(
    request: Request, base: Any, forward: ForwardCall, backward: BackwardCall | None
) -> Anatomy:
    """Read what names and source tell about an object whose forward pass does not run."""
    places = tuple(arrays(base))
    pairs = pair_by_source(base, places) if backward is not None else {}
    known = [p for p in places if p not in pairs.values()]
    known = [p for p in known if p in pairs or is_learnable_name(p.steps[-1][1])]
    sources = {place: At(gradient) for place, gradient in pairs.items()}
    count = len(forward.inputs)
    driver = ObjectDriver(
        forward,
        Results(memory=backward is not None and backward.takes_memory),
        backward,
        inputs=(Returned(()),) if count == 1 else tuple(Returned((i,)) for i in range(count)),
        learnables=tuple(sources.get(place) for place in known),
        places=tuple(known),
    )
    learnables = tuple(
        (p, "held by the layer", sources[p].sentence if p in sources else _NOT_RUN) for p in known
    )
    return Anatomy(base, driver, lambda layer, layouts: layer, learnables)
