"""Trials where kinks, ties and extremes are, at the smallest layout that the layer accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError, UsageError
from layercheck.gradients.regimes import coarse, on_grid, stressed
from layercheck.gradients.shrink import small_layouts
from layercheck.layout import Layout
from layercheck.suites.gradient_trials import Trial, make_trial, reference

ATTEMPTS = 5
GRID = "grid"
STRESS = "stress"
WORDS = {
    GRID: "values on a coarse grid, where kinks and ties are",
    STRESS: "zeros, ties, tiny values and large ones",
}


@dataclass(frozen=True)
class Regime:
    """What happened in one regime: its trial, or why there is none."""

    words: str
    trial: Trial | None
    reason: str | None = None


def regimes(case: Case) -> tuple[Regime, ...]:
    """Return the regimes at the smallest layout, and at the full one where that is asked for."""
    wide = reference(case)
    return wide.memo("gradients.regimes", lambda: tuple(_regimes(wide)))


def _regimes(case: Case) -> Iterator[Regime]:
    if not any(_is_free(case, case.point(), i) for i in range(len(case.subject.input_names))):
        return
    layouts = smallest(case)
    full = [case.layouts] if case.options.thorough and layouts != case.layouts else []
    for chosen in ([layouts] if layouts is not None else []) + full:
        for name in (GRID, STRESS):
            yield _regime(case, name, chosen)


def smallest(case: Case) -> tuple[Layout, ...] | None:
    """Return the first of the small layouts at which forward and backward run."""
    return case.memo("gradients.smallest", lambda: _smallest(case))


def _smallest(case: Case) -> tuple[Layout, ...] | None:
    for layouts in small_layouts(case):
        try:
            found = make_trial(case, case.point(sizes=layouts))
        except (LayerError, UsageError):
            continue
        if found is not None:
            return layouts
    return None


def _regime(case: Case, name: str, layouts: tuple[Layout, ...]) -> Regime:
    """Draw until the layer is finite; learnables stay as they are from the second draw on."""
    for attempt in range(ATTEMPTS):
        point = _point(case, name, layouts, attempt)
        try:
            found = make_trial(case, point)
        except LayerError as error:
            return Regime(WORDS[name], None, f"the layer raises there: {error}")
        if found is not None and _is_finite(found):
            return Regime(WORDS[name], replace(found, regime=WORDS[name]))
    return Regime(WORDS[name], None, "outputs or gradients are not finite there")


def _is_finite(found: Trial) -> bool:
    """Whether all gradients are finite: where one is not, the suite numerics tells why."""
    gradients = found.gradients
    given = (*gradients.inputs, *gradients.learnables, *(gradients.states or ()))
    return all(g is None or bool(np.isfinite(g).all()) for g in given)


def _point(case: Case, name: str, layouts: tuple[Layout, ...], attempt: int) -> Point:
    point = case.point(sizes=layouts)
    rng = case.rng("regime", name, attempt, *(layout.shape for layout in layouts))
    inputs = [
        _values(case, name, x, i, rng).astype(x.dtype) if _is_free(case, point, i) else x
        for i, x in enumerate(point.inputs)
    ]
    learnables = list(point.learnables)
    if name == GRID and attempt == 0:
        learnables = [coarse(w) if w.dtype.kind == "f" else w for w in learnables]
    return replace(point, inputs=tuple(inputs), learnables=tuple(learnables))


def _values(
    case: Case, name: str, x: np.ndarray, position: int, rng: np.random.Generator
) -> np.ndarray:
    limits = case.options.range_of(case.subject.input_names[position])
    shuffled = rng.permuted(x.astype(np.float64).reshape(-1)).reshape(x.shape)
    return on_grid(shuffled, limits) if name == GRID else stressed(shuffled, limits, rng)


def _is_free(case: Case, point: Point, position: int) -> bool:
    """Whether an input's values are generated and real."""
    name = case.subject.input_names[position]
    return case.options.data_of(name) is None and point.inputs[position].dtype.kind == "f"
