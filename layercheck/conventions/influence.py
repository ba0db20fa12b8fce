"""What an array of a layer is for: whether the passes change it and depend on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from layercheck.conventions.calls import ForwardCall
from layercheck.conventions.driving import Results
from layercheck.conventions.places import Place
from layercheck.conventions.trials import Bench, Values, run, same, values
from layercheck.copying import copy_object
from layercheck.errors import LayerError

_MOST = 48


@dataclass(frozen=True)
class Influence:
    """What changes when an array has another value before a pass.

    Parameters
    ----------
    training, predicting : bool
        The outputs of the training forward; those of predict.
    itself : bool
        The value that the pass leaves in its place.
    """

    training: bool
    predicting: bool
    itself: bool

    @property
    def outputs(self) -> bool:
        """Whether any output depends on it."""
        return self.training or self.predicting


@dataclass(frozen=True)
class Observed:
    """Two forwards in a row of one layer, with what it held before and after each.

    Parameters
    ----------
    base, first, second : object
        The layer before, between and after.
    returned : object
        What the first forward returned.
    results : Results
        Where the outputs are.
    before, between, after : dict
        The values of the layer's arrays.
    """

    forward: ForwardCall
    bench: Bench
    base: Any
    first: Any
    second: Any
    returned: Any
    results: Results
    before: Values
    between: Values
    after: Values

    @property
    def built(self) -> tuple[Place, ...]:
        """Arrays that the first forward makes and the second keeps."""
        return tuple(
            place for place in self.between if place not in self.before and not self.changes(place)
        )

    def changes(self, place: Place) -> bool:
        """Whether one of the forwards changes the array at `place`."""
        seen = [known[place] for known in (self.before, self.between, self.after) if place in known]
        moved = any(not same(a, b) for a, b in pairwise(seen))
        return moved or place not in self.after

    def outputs(self, layer: Any, returned: Any) -> Any:
        """Return the outputs of a forward of `layer` that returned `returned`."""
        try:
            return self.results.split(layer, self.forward.method, returned)[0]
        except LayerError:
            return returned

    def influence(self, *places: Place) -> Influence:
        """Return what depends on the values at `places` before the second forward."""
        training, left = self._differs(places, "forward")
        one_pass = self.forward.training.one_pass
        predicting = training if one_pass else self._differs(places, "predict")[0]
        return Influence(training, predicting, left)

    def influencing(self, places: Iterable[Place]) -> dict[Place, Influence]:
        """Return the influence of each of `places` that has any; many at once have none."""
        left = list(places)
        if not left or (len(left) > 1 and not self.influence(*left).outputs):
            return {}
        each = {place: self.influence(place) for place in left[:_MOST]}
        return {place: found for place, found in each.items() if found.outputs}

    def _differs(self, places: tuple[Place, ...], mode: str) -> tuple[bool, bool]:
        usual, plain = self._outcome((), mode)
        moved, touched = self._outcome(places, mode)
        itself = any(
            not same(plain.get(place), touched.get(place))
            for place in places
            if place in plain or place in touched
        )
        return not same(usual, moved), itself

    def _outcome(self, places: tuple[Place, ...], mode: str) -> tuple[Any, Values]:
        layer = copy_object(self.first)
        for place in places:
            _move(layer, place)
        try:
            returned = run(layer, self.forward, self.bench, 1, mode)
        except LayerError as error:
            return repr(error.original), {}
        return self.outputs(layer, returned), values(layer)


def observe(base: Any, forward: ForwardCall, bench: Bench) -> Observed:
    """Run a copy of `base` forward twice, on different data."""
    first = copy_object(base)
    returned = run(first, forward, bench, 0)
    between = values(first)
    second = copy_object(first)
    run(second, forward, bench, 1)
    return Observed(
        forward,
        bench,
        base,
        first,
        second,
        returned,
        Results(),
        values(base),
        between,
        values(second),
    )


def _move(layer: Any, place: Place) -> None:
    """Change every entry, and keep its sign: a variance stays one."""
    value = place.find(layer)
    if not isinstance(value, np.ndarray):
        return
    steps = np.linspace(0.25, 0.75, value.size).reshape(value.shape)
    moved = (value * (1 + steps) + 0.5 * steps).astype(value.dtype)
    with contextlib.suppress(AttributeError, TypeError):  # in a tuple, or without a setter
        place.write(layer, moved)
