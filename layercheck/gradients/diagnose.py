"""Why a gradient is wrong: the smallest layout that shows it, and what matches there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError, UsageError
from layercheck.gradients.facts import facts_about
from layercheck.gradients.investigate import WEAK, Match, at_kinks, investigate, shows_mistake
from layercheck.gradients.shrink import Focus, cropped, one_step, resized, small_layouts
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.layout import Layout
from layercheck.outcome import Cause

_LAYOUTS = 3  # at which the mistake shows
_CALLS = 3000  # of forward and backward together, after which no other layout is begun


@dataclass(frozen=True)
class Diagnosis:
    """Why a gradient is wrong, as far as that can be told.

    Parameters
    ----------
    cause : Cause or None
        The most specific cause that matches.
    others : tuple of Cause
        What else is true of it.
    layouts : tuple of tuple of Layout
        Where the mistake was looked for.
    facts : tuple of str
        What is known where no cause is.
    """

    cause: Cause | None
    others: tuple[Cause, ...] = ()
    layouts: tuple[tuple[Layout, ...], ...] = ()
    facts: tuple[str, ...] = ()


@dataclass
class _Search:
    """What was tried and found so far."""

    tried: list[tuple[Layout, ...]] = field(default_factory=list)
    best: list[Match] = field(default_factory=list)
    shown: list[tuple[Specimen, Tensor]] = field(default_factory=list)

    def take(self, found: list[Match]) -> None:
        """Keep the more telling of two lists."""
        if found and (not self.best or found[0].rank < self.best[0].rank):
            self.best = found

    def told(self) -> bool:
        """Whether a cause is known that another layout will not improve."""
        return bool(self.best) and self.best[0].rank < WEAK


def diagnose(
    case: Case,
    kind: str,
    name: str,
    point: Point | None = None,
    index: tuple[int, ...] = (),
) -> Diagnosis:
    """Say why a gradient is wrong.

    Parameters
    ----------
    case : Case
        In float64 where the layer keeps it.
    kind : {"input", "learnable", "state"}
    name : str
        The tensor whose gradient failed.
    point : Point, optional
        Where it failed.
    index : tuple of int, optional
        An element of an input that is wrong there.
    """
    search, before = _Search(), _calls(case)
    focus = Focus(kind, name, index)
    shown, start = 0, case.point() if point is None else point
    for layouts in small_layouts(case, start.layouts):
        if shown >= _LAYOUTS or search.best or _calls(case) - before > _CALLS:
            break
        search.tried.append(layouts)
        if _try(case, kind, name, layouts, start, focus, search):
            shown += 1
            single = one_step(layouts)
            if single is not None and not search.told() and single != layouts:
                search.tried.append(single)
                alone = _Search()
                _try(case, kind, name, single, start, focus, alone)
                if alone.best:
                    search.best = [_of_one_step(match) for match in alone.best]
    causes = [match.cause for match in search.best]
    facts = facts_about(*search.shown[0]) if search.shown and not causes else ()
    return Diagnosis(causes[0] if causes else None, tuple(causes[1:]), tuple(search.tried), facts)


def _of_one_step(match: Match) -> Match:
    """What is true of a single time step; zero there is not zero elsewhere."""
    cause = match.cause
    if cause.id == "zero-gradient":
        cause = replace(cause, id="missing-term")
    text = f"with a single time step: {cause.text}"
    return Match(match.rank, replace(cause, text=text))


def _calls(case: Case) -> int:
    return case.evaluations.forward + case.evaluations.backward


def _try(
    case: Case,
    kind: str,
    name: str,
    layouts: tuple[Layout, ...],
    point: Point,
    focus: Focus,
    search: _Search,
) -> bool:
    """Look at one layout; whether the mistake shows there."""
    for specimen in _specimens(case, point, layouts, focus):
        tensor = specimen.tensor(kind, name)
        if tensor is None:
            return False
        try:
            if shows_mistake(specimen, tensor):
                search.shown.append((specimen, tensor))
                search.take(investigate(specimen, tensor, _others(case, specimen)))
                return True
            kink = at_kinks(specimen, tensor) if _has_kinks(specimen) else None
            if kink is not None:
                search.take([Match(0, kink)])
                return True
        except LayerError:
            continue
    return False


def _has_kinks(specimen: Specimen) -> bool:
    """Whether the values lie on a coarse grid, where kinks and ties are."""
    values = [np.asarray(x) for x in specimen.point.inputs]
    return any(
        x.dtype.kind == "f" and np.any(np.abs(4 * x) == np.round(np.abs(4 * x))) for x in values
    )


def _specimens(
    case: Case, point: Point, layouts: tuple[Layout, ...], focus: Focus
) -> Iterator[Specimen]:
    """The layer at a part of the failing point, then at other values."""
    for label, make in (
        ("crop", lambda: cropped(case, point, layouts, focus)),
        ("normal", lambda: (case.point(sizes=layouts), Focus("", ""))),
        ("wide", lambda: (case.point(draw=1, sizes=layouts), Focus("", ""))),
    ):
        around = focus if label == "crop" and focus.kind == "input" else None
        key = ("diagnose.specimen", label, layouts, id(point) if label == "crop" else 0, around)
        _, specimen = case.memo(key, lambda make=make: (point, _specimen(case, make)))  # type: ignore[misc]
        if specimen is not None and specimen.is_finite:
            if label == "crop" and focus.kind != "input":
                specimen.focus = focus
            yield specimen


def _specimen(case: Case, make: Callable[[], tuple[Point, Focus]]) -> Specimen | None:
    try:
        return Specimen(case, *make())
    except (LayerError, UsageError):
        return None


def _others(case: Case, specimen: Specimen) -> Callable[[tuple[str, ...]], Specimen | None]:
    """The layer where some axes have a second size."""

    def other(names: tuple[str, ...]) -> Specimen | None:
        layouts = resized(specimen.point.layouts, names)
        if layouts is None:
            return None
        key = ("diagnose.second", layouts)
        return case.memo(
            key, lambda: _specimen(case, lambda: (case.point(sizes=layouts), Focus("", "")))
        )

    return other
