"""Arrays that should agree: the first that does not, as evidence for a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.layout import Layout
from layercheck.observations import output_layouts
from layercheck.subject import Mode
from layercheck.suites.evidence import name_of_pass
from layercheck.tolerances import Difference, difference, tolerance
from layercheck.where import describe_index, labels_for


@dataclass(frozen=True)
class Pair:
    """Two arrays that should be equal within `limit`.

    Parameters
    ----------
    name : str
        What they are: ``the output``, ``the gradient of x``.
    symbol : str
        How to name an element where `layout` does not fit: ``z``, ``dx``.
    number : int
        Which of the outputs, inputs or learnables they belong to.
    """

    name: str
    symbol: str
    actual: Any
    expected: Any
    limit: float = 0.0
    layout: Layout | None = None
    number: int = 0


@dataclass(frozen=True)
class Disagreement:
    """A pair that differs; `difference` is None where their shapes do."""

    pair: Pair
    difference: Difference | None

    @property
    def evidence(self) -> dict[str, Any]:
        """The arguments of a finding that say where, how far and how many."""
        pair = self.pair
        shape = np.shape(pair.expected)
        if self.difference is None:
            shapes = f"shape {np.shape(pair.actual)}, expected {shape}"
            return {"where": pair.name, "details": (shapes,)}
        found = self.difference
        index = describe_index(found.worst.index, labels_for(shape, pair.layout), pair.symbol)
        count = f"{found.wrong} of {np.size(pair.expected)} elements"
        return {
            "where": f"{count} of {pair.name}; worst at {index}",
            "worst": found.worst,
            "wrong": found.wrong,
        }


def disagreement(pairs: Iterable[Pair]) -> Disagreement | None:
    """Return the first pair that differs."""
    for pair in pairs:
        actual, expected = np.asarray(pair.actual), np.asarray(pair.expected)
        if actual.shape != expected.shape:
            return Disagreement(pair, None)
        found = difference(actual, expected, pair.limit)
        if found is not None:
            return Disagreement(pair, found)
    return None


def output_pairs(
    case: Case, actual: Sequence[Any], expected: Sequence[Any], mode: Mode
) -> Iterator[Pair]:
    """Pair the outputs of two evaluations of one mode."""
    for number, (a, e, change, layout) in enumerate(
        zip(actual, expected, case.spread(mode), output_layouts(case), strict=True)
    ):
        limit = _limit(a, e, change, case.eps)
        fitted = _resized(layout, np.shape(e))
        one = len(expected) == 1
        name, symbol = ("the output", "z") if one else (f"output {number + 1}", f"z{number + 1}")
        yield Pair(name, symbol, a, e, limit, fitted, number)


def gradient_pairs(
    case: Case, actual: Sequence[Any], expected: Sequence[Any], *, of: str
) -> Iterator[Pair]:
    """Pair gradients of the inputs (`of` is "inputs") or learnables; None are left out."""
    names, layouts = _gradient_names(case, of)
    changes = getattr(case.gradient_spread, of)
    for number, (name, layout, a, e, change) in enumerate(
        zip(names, layouts, actual, expected, changes, strict=True)
    ):
        if a is not None and e is not None:
            limit = _limit(a, e, change, case.eps)
            fitted = _resized(layout, np.shape(e))
            yield Pair(f"the gradient of {name}", f"d{name}", a, e, limit, fitted, number)


def _limit(actual: Any, expected: Any, change: float, eps: float) -> float:
    """The tolerance, where it is needed: most pairs are equal to the last bit."""
    if np.array_equal(actual, expected):
        return 0.0
    return tolerance(np.asarray(expected), change, eps)


def _gradient_names(case: Case, of: str) -> tuple[tuple[str, ...], tuple[Layout | None, ...]]:
    if of == "inputs":
        return case.subject.input_names, case.layouts
    names = tuple(slot.name for slot in case.subject.learnables)
    return names, (None,) * len(names)


def _resized(layout: Layout | None, shape: tuple[int, ...]) -> Layout | None:
    """The layout's labels with the sizes of an array of its rank."""
    if layout is None or layout.rank != len(shape) or 0 in shape:
        return None
    return Layout.of(layout.format, shape)


def called(case: Case, mode: Mode) -> str:
    """Return what the user calls the pass that serves `mode`: ``forward()``, ``predict()``."""
    return name_of_pass(case, mode)


def passes(case: Case) -> tuple[Mode, ...]:
    """Return the modes that differ: predict, and forward where it is another function."""
    return ("predict",) if case.subject.facts.one_pass else ("predict", "forward")


def counted(count: int, noun: str) -> str:
    """Return ``1 observation``, ``3 observations``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
