"""Learnables that backward itself updates: by a learning rate, or through an optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.conventions.driving import ObjectDriver
from layercheck.conventions.places import Place
from layercheck.conventions.recorder import Recorder, gradient_for, optimizers
from layercheck.conventions.request import Request
from layercheck.conventions.sources import Recorded, Updated, Where
from layercheck.conventions.tracing import Trace, trace
from layercheck.conventions.tree import scalars
from layercheck.conventions.trials import Bench
from layercheck.conventions.vocabulary import ALWAYS_RATE, is_learnable_name, normal
from layercheck.copying import copy_object
from layercheck.errors import LayerError, QuestionError


@dataclass(frozen=True)
class Setup:
    """What is put into every new layer before it is driven.

    Parameters
    ----------
    recorders, rates : tuple of Place
        Where recorders take the place of optimizers, and `step` that of learning rates.
    integers : tuple of Place
        Learnables that are arrays of integers, which become floating-point.
    """

    recorders: tuple[Place, ...] = ()
    integers: tuple[Place, ...] = ()
    rates: tuple[Place, ...] = ()
    step: float = 0.0

    def install(self, layer: Any) -> None:
        """Put it into a layer."""
        recorder = Recorder()
        for place in self.recorders:
            place.put(layer, recorder)
        for place in self.rates:
            place.put(layer, self.step)
        for place in self.integers:
            place.put(layer, np.asarray(place.get(layer), float))


def recorded(
    base: Any, driver: ObjectDriver, bench: Bench, found: Trace, left: Sequence[Place]
) -> tuple[dict[Place, Where], Setup]:
    """Return the learnables whose gradients go to an optimizer, and what records them."""
    direct = _from_records(found, left)
    places = tuple(optimizers(base))
    if direct or not places:
        return direct, Setup()
    setup = Setup(recorders=places)
    layer = copy_object(base)
    setup.install(layer)
    try:
        again = trace(layer, driver, bench)
    except LayerError:
        return {}, Setup()
    handed = _from_records(again, left)
    return handed, setup if handed else Setup()


def _from_records(found: Trace, left: Sequence[Place]) -> dict[Place, Where]:
    entries = found.after.records
    pairs = {place: gradient_for(found.after.live.get(place), entries) for place in left}
    return {place: Recorded(place, pair[0]) for place, pair in pairs.items() if pair is not None}


def updated(
    request: Request,
    base: Any,
    driver: ObjectDriver,
    bench: Bench,
    found: Trace,
    left: Sequence[Place],
) -> tuple[dict[Place, Where], Setup]:
    """Return the learnables that backward updates by a learning rate, and the rate's places.

    Where it updates some, those that it leaves alone have the gradient zero.
    """
    changed = [place for place in left if place in found.changed]
    if not changed or driver.backward is None:
        return {}, Setup()
    step = driver.backward.step
    rates = () if driver.backward.takes_rate else tuple(_rates(base))
    if not driver.backward.takes_rate and not rates:
        raise QuestionError(
            f"backward() of {request.name} updates {_names(changed)} by a step that is not known: "
            "it takes no learning rate, and the layer has no attribute learning_rate. Keep the "
            f"gradient in an attribute and declare it: --declare gradient.{changed[0].name}"
            "=ATTRIBUTE."
        )
    setup = Setup(rates=rates, step=step)
    gradients = [_gradients(base, driver, bench, setup, factor, changed) for factor in (1, 2)]
    if not all(map(_proportional, gradients[0], gradients[1])):
        raise QuestionError(
            f"The update of {_names(changed)} in backward() of {request.name} is not "
            "proportional to the learning rate, so the gradient cannot be read from it. Keep the "
            f"gradient in an attribute and declare it: --declare gradient.{changed[0].name}"
            "=ATTRIBUTE."
        )
    forgotten = [p for p in left if p not in changed and is_learnable_name(p.steps[-1][1])]
    return {place: Updated(place, step) for place in (*changed, *forgotten)}, setup


def _rates(layer: Any) -> list[Place]:
    return [place for place in scalars(layer) if normal(place.steps[-1][1]) in ALWAYS_RATE]


def _gradients(
    base: Any,
    driver: ObjectDriver,
    bench: Bench,
    setup: Setup,
    factor: int,
    places: list[Place],
) -> list[np.ndarray]:
    assert driver.backward is not None
    step = factor * driver.backward.step
    layer = copy_object(base)
    replace(setup, step=step).install(layer)
    call = replace(driver.backward, step=step)
    found = trace(layer, replace(driver, backward=call), bench)
    return [(place.get(found.before) - place.get(found.layer)) / step for place in places]


def _proportional(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two gradients agree to single precision."""
    if first.shape != second.shape:
        return False
    size = float(np.max(np.abs(first), initial=0.0))
    return bool(np.max(np.abs(first - second), initial=0.0) <= 1e-4 * size)


def _names(places: Sequence[Place]) -> str:
    return ", ".join(place.name for place in places)
