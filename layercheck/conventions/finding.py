"""Learnables found by their gradients: where each gradient is after backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.conventions.declared import called, declared_gradients, declared_states
from layercheck.conventions.driving import ObjectDriver
from layercheck.conventions.inputs import input_sources
from layercheck.conventions.matching import Match, match
from layercheck.conventions.pairing import Pairs, pair
from layercheck.conventions.places import Place
from layercheck.conventions.questions import ask
from layercheck.conventions.recorder import has_recorder, optimizers
from layercheck.conventions.request import Request
from layercheck.conventions.returns import counted, leaves, names_returned
from layercheck.conventions.sorting import Sorted, State, shares_any
from layercheck.conventions.sources import At, Returned, Where
from layercheck.conventions.static import pair_by_source
from layercheck.conventions.tracing import Trace, first_trace
from layercheck.conventions.tree import integers, scalars
from layercheck.conventions.trials import same
from layercheck.conventions.updates import Setup, recorded, updated
from layercheck.conventions.vocabulary import is_learnable_name
from layercheck.errors import LayerError

_NOT_RUN = "not looked for: backward() raised"


@dataclass(frozen=True)
class Paired:
    """The learnables of a layer, with where their gradients are, and a driver that reads them."""

    driver: ObjectDriver
    learnables: tuple[tuple[Place, str, str | None], ...] = ()
    setups: tuple[Setup, ...] = ()
    announces_update: bool = False
    notes: tuple[str, ...] = ()

    def install(self, layer: Any) -> None:
        """Put recorders and learning rates into a new layer."""
        for setup in self.setups:
            setup.install(layer)


def find_gradients(
    request: Request, found: Sorted, driver: ObjectDriver, declared: Sequence[Place]
) -> Paired:
    """Find the learnables of a layer by their gradients.

    Names come first (``dW`` for ``W``), then what backward returns, what it hands to an
    optimizer, and what it updates. An array that the forward pass depends on, and that has no
    gradient anywhere, is a question.
    """
    base = found.observed.base
    states = {state.place for state in found.states if not _may_be_learnable(state)}
    states |= set(declared_states(request, base))
    arrays = dict.fromkeys((*found.fixed, *(s.place for s in found.states), *declared))
    candidates = [place for place in arrays if place not in states]
    if driver.backward is None:
        return Paired(driver, tuple((place, "declared", None) for place in declared))
    driver = replace(driver, places=tuple(candidates))
    driver, traced = first_trace(request, base, driver, found.observed.bench)
    if isinstance(traced, LayerError):
        return _unrun(found, driver, candidates, declared)
    return _Search(request, found, driver, traced, candidates, declared).paired()


def _may_be_learnable(state: State) -> bool:
    """Whether what a forward changes may be a learnable that it should not change."""
    return not state.lazy and is_learnable_name(state.place.steps[-1][1])


def _unrun(
    found: Sorted, driver: ObjectDriver, candidates: list[Place], declared: Sequence[Place]
) -> Paired:
    """Pair by names and source alone, where backward raises."""
    base = found.observed.base
    pairs = pair_by_source(base, candidates)
    named = [
        place
        for place in candidates
        if place not in pairs
        and place not in pairs.values()
        and (place in declared or is_learnable_name(place.steps[-1][1]))
    ]
    named = [place for place in named if place in found.observed.influencing(named)]
    places = [place for place in candidates if place in pairs or place in named]
    sources: dict[Place, Where] = {place: At(gradient) for place, gradient in pairs.items()}
    count = len(driver.forward.inputs)
    inputs = (Returned(()),) if count == 1 else tuple(Returned((i,)) for i in range(count))
    return Paired(
        replace(
            driver,
            inputs=inputs,
            learnables=tuple(sources.get(place) for place in places),
            places=tuple(places),
        ),
        tuple(
            (place, "held by the layer", sources[place].sentence if place in sources else _NOT_RUN)
            for place in places
        ),
        announces_update=driver.backward is not None and driver.backward.takes_rate,
    )


class _Search:
    """One search for the gradients of a layer that was traced."""

    def __init__(
        self,
        request: Request,
        found: Sorted,
        driver: ObjectDriver,
        traced: Trace,
        candidates: list[Place],
        declared: Sequence[Place],
    ) -> None:
        self.request = request
        self.found = found
        self.base = found.observed.base
        self.bench = found.observed.bench
        self.driver = driver
        self.trace = traced
        self.declared = declared
        self.setups: list[Setup] = []
        given = declared_gradients(request, self.base, traced, driver.forward.inputs)
        self.sources: dict[Place, Where] = dict(given.learnables)
        self.given_inputs = given.inputs
        self.candidates = list(dict.fromkeys((*candidates, *self.sources)))

    def paired(self) -> Paired:
        """Run the search."""
        self._by_name()
        left = self._left()
        matched = self._by_return(left)
        left = [place for place in left if place not in self.sources]
        if left:
            handed, setup = recorded(self.base, self.driver, self.bench, self.trace, left)
            self._take(handed, setup)
            left = [place for place in left if place not in self.sources]
        if left:
            changed, setup = updated(
                self.request, self.base, self.driver, self.bench, self.trace, left
            )
            self._take(changed, setup)
            left = [place for place in left if place not in self.sources]
        asked = [place for place in left if place not in self.declared]
        if asked:
            used = [where.place for where in self.sources.values() if isinstance(where, At)]
            ask(self.request, self.trace, asked, matched.unclear, (*self.sources, *used))
        return self._result(matched)

    def _by_name(self) -> None:
        layer = self.trace.layer
        places = [place for place in self.candidates if place not in self.sources]
        pairs = pair(layer, places)
        pairs.update(self._scalars(pairs))
        self.sources.update((place, At(gradient)) for place, gradient in pairs.items())

    def _scalars(self, taken: Pairs) -> Pairs:
        """Pair numbers and integers, learnables only where backward leaves their gradient."""
        whole = integers(self.base)
        places = [p for p in (*scalars(self.base), *whole) if p not in taken.values()]
        found = {
            place: gradient
            for place, gradient in pair(self.trace.layer, places).items()
            if gradient not in taken.values()
            and not same(gradient.find(self.trace.before), gradient.find(self.trace.layer))
        }
        promoted = tuple(place for place in found if place in whole)
        if promoted:
            self.setups.append(Setup(integers=promoted))
        return found

    def _left(self) -> list[Place]:
        """Return the arrays without gradient that the forward pass depends on."""
        gradients = {where.place for where in self.sources.values() if isinstance(where, At)}
        known = [place.find(self.base) for place in self.sources]
        left: list[Place] = []
        for place in self.candidates:
            value = place.find(self.base)
            if place in self.sources or place in gradients or shares_any(value, known):
                continue
            known.append(value)
            left.append(place)
        changed = {state.place for state in self.found.states}
        needed = self.found.observed.influencing(p for p in left if p not in changed)
        return [place for place in left if place in needed or place in self.declared]

    def _by_return(self, left: list[Place]) -> Match:
        result, inputs = self.trace.after.result, self.trace.done.inputs
        learnables = list(left)
        if len(leaves(result)) > len(inputs) + len(left):
            learnables += [place for place in self.sources if place not in left]
        shapes = {place: np.shape(place.find(self.base)) for place in learnables}
        assert self.driver.backward is not None
        method = getattr(self.trace.layer, self.driver.backward.method)
        matched = match(result, inputs, learnables, shapes, names_returned(method))
        for place, where in matched.learnables.items():
            self.sources.setdefault(place, where)
        return matched

    def _take(self, sources: dict[Place, Where], setup: Setup) -> None:
        self.sources.update(sources)
        if setup != Setup():
            self.setups.append(setup)

    def _result(self, matched: Match) -> Paired:
        base, call = self.base, self.driver.backward
        assert call is not None
        places = [p for p in self.candidates if p in self.sources or p in self.declared]
        places += [p for p in self.sources if p not in places]
        inputs = input_sources(
            self.request, self.trace, self.driver.forward.inputs, matched, self.given_inputs
        )
        driver = replace(
            self.driver,
            inputs=inputs,
            learnables=tuple(self.sources.get(place) for place in places),
            places=tuple(places),
            wanted=self._wanted(matched, places),
        )
        learnables = tuple((p, self._how(p), self._where(p)) for p in places)
        announces = (
            call.takes_rate
            or any(setup.rates or setup.recorders for setup in self.setups)
            or bool(optimizers(base))
            or has_recorder(base)
        )
        return Paired(driver, learnables, tuple(self.setups), announces)

    def _how(self, place: Place) -> str:
        if place in self.declared:
            return "declared"
        if place in self.found.lazy:
            return "made by the first forward, and its gradient is found"
        return "held by the layer, and its gradient is found"

    def _where(self, place: Place) -> str | None:
        where = self.sources.get(place)
        return None if where is None else where.sentence

    def _wanted(self, matched: Match, places: list[Place]) -> tuple[int, str] | None:
        """Return how many things backward must return, where it returns too many or too few."""
        result = self.trace.after.result
        if result is None or self.given_inputs:
            return None
        inputs = self.trace.done.inputs
        floats = sum(x.dtype.kind in "fc" for x in inputs)
        returned = [p for p in places if isinstance(self.sources.get(p), Returned)]
        count = len(leaves(result))
        if floats + len(returned) <= count <= len(inputs) + len(matched.learnables):
            return None
        meaning = counted(len(inputs), "input gradient")
        names = ", ".join(self.driver.forward.inputs)
        learnt = "".join(f", {called(self.base, p)}" for p in returned)
        return len(inputs) + len(returned), f"{meaning} ({names}{learnt})"
