"""One suite in a line: a mark for each result, counts, reasons, and what was verified."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from rich.text import Text

from layercheck.outcome import Evaluations, Outcome, Result, Verified
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import Style
from layercheck.reports.text import coloured_numbers, wrap

_NAME = 13
_MARKS = 12
_MARKS_MOST = 26
MARKS = {
    Outcome.PASSED: (".", "green"),
    Outcome.FAILED: ("F", "bold red"),
    Outcome.INCOMPLETE: ("I", "magenta"),
    Outcome.SKIPPED: ("s", "yellow"),
    Outcome.EXPECTED_FAILURE: ("x", "blue"),
}


@dataclass(frozen=True)
class Columns:
    """The cells that the names of suites and the marks of their results take."""

    name: int
    marks: int

    @staticmethod
    def of(suites: Mapping[str, list[Result]], width: int) -> Columns:
        """Fit the columns to the suites of a layer; what is longer than `marks` goes on below."""
        name = max([_NAME, *(len(suite) + 1 for suite in suites)])
        longest = max(map(len, suites.values()), default=0)
        most = max(min(_MARKS_MOST, width // 3 - name), 6)
        return Columns(name, min(max(longest, _MARKS), most) + 2)


def suite_lines(name: str, results: list[Result], columns: Columns, style: Style) -> list[Text]:
    """Return the lines of one suite."""
    size = columns.marks - 2
    marks = [results[start : start + size] for start in range(0, len(results), size)]
    texts = _counts(results, style, style.width - columns.name - columns.marks)
    names = [shown(name, style.encoding)]
    lines = [
        Text(f"{head:<{columns.name}}") + _marks(group, columns.marks) + coloured_numbers(text)
        for head, group, text in zip_longest(names, marks, texts, fillvalue="")
    ]
    return lines + _verified_lines(results, columns, style)


def _marks(results: Iterable[Any], width: int) -> Text:
    marks = Text()
    for result in results:
        marks.append(*MARKS[result.outcome])
    marks.pad_right(width - len(marks))
    return marks


def _counts(results: list[Result], style: Style, width: int) -> list[str]:
    outcomes = [result.outcome for result in results]
    plain = [
        f"{outcomes.count(outcome)} {outcome}"
        for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.INCOMPLETE)
        if outcome in outcomes
    ]
    reasoned = [shown(text, style.encoding) for text in (*_expected(results), *_skipped(results))]
    first = ", ".join(plain + reasoned[:1])
    return [line for text in (first, *reasoned[1:]) for line in wrap(text, width)]


def _expected(results: list[Result]) -> list[str]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.outcome is Outcome.EXPECTED_FAILURE:
            groups.setdefault(result.expectation or "", []).append(result)
    return [
        f"{len(group)} expected failure{'s' * (len(group) > 1)}: "
        f"{', '.join(dict.fromkeys(short_id(result) for result in group))} ({reason})"
        for reason, group in groups.items()
    ]


def _skipped(results: list[Result]) -> list[str]:
    reasons = [r.reason or "no reason given" for r in results if r.outcome is Outcome.SKIPPED]
    return [f"{reasons.count(each)} skipped: {each}" for each in dict.fromkeys(reasons)]


def short_id(result: Result) -> str:
    """Return the id of a result without its suite."""
    return result.check if result.case is None else f"{result.check}:{result.case}"


def _verified_lines(results: list[Result], columns: Columns, style: Style) -> list[Text]:
    lines = []
    by_dtype: dict[str | None, list[Result]] = {}
    for result in results:
        if result.verified is not None:
            by_dtype.setdefault(result.dtype, []).append(result)
    for dtype, group in by_dtype.items():
        prefix = f"{dtype}: " if dtype and len(by_dtype) > 1 else ""
        lines += wrap(prefix + _verified_text(group), style.width - columns.name)
    return [Text(" " * columns.name) + coloured_numbers(line) for line in lines]


def _verified_text(results: list[Result]) -> str:
    """Say how many gradient elements were verified, how, and what would have been found."""
    parts = [result.verified for result in results if result.verified is not None]
    calls = sum((result.evaluations for result in results), Evaluations())
    total, done = sum(part.of for part in parts), sum(part.elements for part in parts)
    right = all(result.outcome is Outcome.PASSED for result in results)
    passes = f" in {calls.forward:,} forward and {calls.backward:,} backward passes"
    alone, in_blocks = (
        sum(part.individually for part in parts),
        sum(part.in_blocks for part in parts),
    )
    how = " individually" if alone == done else " in blocks" if in_blocks == done else ""
    details = [
        f"{done:,} of {total:,} gradient elements {'verified' if right else 'compared'}{how}"
        f"{passes if calls.forward else ''}"
    ]
    for count, what in (
        (0 if how else alone, "individually"),
        (0 if how else in_blocks, "in blocks"),
        (sum(part.at_kinks for part in parts), "at kinks"),
        (sum(part.not_adjudicated for part in parts), "not adjudicated"),
    ):
        details += [f"{count:,} {what}"] if count else []
    return ", ".join(details) + (_detectable(parts) if right else "")


def _detectable(parts: list[Verified]) -> str:
    size = max((part.detectable_error or 0.0 for part in parts), default=0.0)
    if not 0.0 < size < math.inf:
        return ""
    chance = min(part.probability for part in parts)
    return f"; any single error above {size:.1e} of the tensor's rms would have been found" + (
        f" ({100 * chance:.3g} %)" if chance < 1 else ""
    )
