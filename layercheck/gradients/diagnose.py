"""Why a gradient is wrong: the smallest layout that shows it, and what matches there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError, UsageError
from layercheck.gradients.facts import company, likeness
from layercheck.gradients.full import MOST, full_gradient
from layercheck.gradients.investigate import WEAK, Match, at_kinks, investigate, shows_mistake
from layercheck.gradients.shrink import Focus, cropped, one_step, resized, small_layouts
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.layout import Layout
from layercheck.outcome import Cause, Comparison

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
        What is known where no cause is, line by line.
    comparison : Comparison or None
        The gradient beside the true one, where the mistake was seen.
    """

    cause: Cause | None
    others: tuple[Cause, ...] = ()
    layouts: tuple[tuple[Layout, ...], ...] = ()
    facts: tuple[str, ...] = ()
    comparison: Comparison | None = None


@dataclass(frozen=True)
class _Sighting:
    """A small point at which the mistake shows, and the causes that match there."""

    specimen: Specimen
    tensor: Tensor
    matches: list[Match]
    where: str = ""
    beside: str = ""

    @property
    def is_telling(self) -> bool:
        """Whether a cause is known that a single time step will not improve."""
        return bool(self.matches) and self.matches[0].rank < WEAK

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes in full: where they were found and, of a weak one, what else is known."""
        others = company(self.specimen, self.tensor) if not self.is_telling else ""
        beside = "; ".join(filter(None, (self.beside, others)))
        return tuple(
            replace(
                match.cause,
                text=f"{self.where}{_with(match.cause.text, '' if number else beside)}",
            )
            for number, match in enumerate(self.matches)
        )

    @property
    def facts(self) -> tuple[str, ...]:
        """What is known where no cause is."""
        try:
            found = likeness(self.specimen, self.tensor)
        except LayerError:
            found = ()
        return tuple(filter(None, (*found, self.beside, company(self.specimen, self.tensor))))


def _with(sentence: str, more: str) -> str:
    return f"{sentence.removesuffix('.')}; {more}." if more else sentence


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
    search = _Search(case, Focus(kind, name, index), case.point() if point is None else point)
    seen: list[_Sighting] = []
    for layouts in small_layouts(case, search.start.layouts):
        sighting = search.look(layouts)
        if sighting is not None:
            seen.append(search.in_one_step(sighting, layouts))
        if len(seen) >= _LAYOUTS or (seen and seen[-1].matches) or search.calls > _CALLS:
            break
    tried = tuple(search.tried)
    told = next((s for s in seen if s.matches), None)
    if told is not None:
        return Diagnosis(told.causes[0], told.causes[1:], tried, comparison=_compared(told))
    if not seen:
        return Diagnosis(None, (), tried)
    return Diagnosis(None, (), tried, seen[0].facts, _compared(seen[0]))


def _compared(seen: _Sighting) -> Comparison | None:
    specimen, tensor = seen.specimen, seen.tensor
    if np.size(tensor.value) > MOST:
        return None
    try:
        full = full_gradient(specimen.problem(tensor), specimen.case.rng("compared", tensor.title))
    except (LayerError, UsageError):
        return None
    layouts = specimen.point.layouts
    own = layouts[tensor.position if tensor.kind == "input" else 0] if layouts else None
    return None if full is None else full.comparison(layouts, own)


class _Search:
    """Look for a mistake at one layout after the other."""

    def __init__(self, case: Case, focus: Focus, start: Point) -> None:
        self.case = case
        self.focus = focus
        self.start = start
        self.tried: list[tuple[Layout, ...]] = []
        self._before = self._calls()

    @property
    def calls(self) -> int:
        """Forwards and backwards spent."""
        return self._calls() - self._before

    def _calls(self) -> int:
        return self.case.evaluations.forward + self.case.evaluations.backward

    def look(self, layouts: tuple[Layout, ...]) -> _Sighting | None:
        """Investigate at one layout; None where the mistake does not show."""
        self.tried.append(layouts)
        for specimen in _specimens(self.case, self.start, layouts, self.focus):
            tensor = specimen.tensor(self.focus.kind, self.focus.name)
            if tensor is None:
                return None
            try:
                matches = _matches(self.case, specimen, tensor)
            except LayerError:
                continue
            if matches is not None:
                return _Sighting(specimen, tensor, matches, self._place(layouts))
        return None

    def in_one_step(self, sighting: _Sighting, layouts: tuple[Layout, ...]) -> _Sighting:
        """The same with a single time step, if that says more: there errors cannot spread."""
        single = one_step(layouts)
        if single is None or single == layouts or sighting.is_telling:
            return sighting
        alone = self.look(single)
        if alone is None:
            return replace(sighting, beside="with a single time step backward() is right")
        if not alone.matches:
            return sighting
        where = f"with a single time step{self._place(single, ' ({})')}: "
        return replace(alone, matches=[_of_one_step(match) for match in alone.matches], where=where)

    def _place(self, layouts: tuple[Layout, ...], form: str = "at {}: ") -> str:
        """Name a layout that is not the one at which the gradient failed."""
        if layouts == self.start.layouts:
            return ""
        texts = [str(layout) for layout in layouts]
        if len(set(texts)) > 1:
            names = self.case.subject.input_names
            texts = [" ".join(pair) for pair in zip(names, texts, strict=True)]
        return form.format(", ".join(dict.fromkeys(texts)))


def _matches(case: Case, specimen: Specimen, tensor: Tensor) -> list[Match] | None:
    """The causes that match; None where the gradient is right."""
    if shows_mistake(specimen, tensor):
        return investigate(specimen, tensor, _others(case, specimen))
    kink = at_kinks(specimen, tensor) if _has_kinks(specimen) else None
    return None if kink is None else [Match(0, kink)]


def _of_one_step(match: Match) -> Match:
    """What is true of a single time step; zero there is not zero elsewhere."""
    if match.cause.id != "zero-gradient":
        return match
    return Match(match.rank, replace(match.cause, id="missing-term"))


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
