"""The texts of ``--list-checks`` and ``--explain``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from layercheck.errors import UsageError, nearest
from layercheck.suite import Check, Suite

_DTYPES = {
    "all": "It runs in every dtype of the run.",
    "first": "It runs in the first dtype of the run.",
    "none": "It runs once: dtypes do not matter to it.",
}


def list_checks(suites: Iterable[Suite], width: int) -> str:
    """Return every suite with its summary, and every check with the first line of its page."""
    suites = tuple(suites)
    names = [check.name for suite in suites for check in suite.checks]
    column = max(map(len, names), default=0) + 4
    lines: list[str] = []
    for suite in suites:
        lines += [suite.name, *_wrapped(plain(suite.summary), width, "  ")]
        for check in suite.checks:
            first = plain(check.page).partition("\n")[0]
            lines += _wrapped(first, width, " " * column, f"  {check.name:<{column - 2}}")
        lines.append("")
    return (
        "\n".join([*lines, "layercheck --explain SUITE.CHECK prints the page of a check."]) + "\n"
    )


def explain(id: str, suites: Sequence[Suite], width: int) -> str:
    """Return the page of a check, or of a suite.

    Raises
    ------
    UsageError
        There is none of that id; the nearest is suggested.
    """
    for suite in suites:
        if id == suite.name:
            return list_checks([suite], width)
        for check in suite.checks:
            if id.partition(":")[0] == f"{suite.name}.{check.name}":
                return _page(suite, check, width)
    ids = [id for suite in suites for id in suite.ids]
    known = ids if "." in id else [*ids, *(suite.name for suite in suites)]
    raise UsageError(
        f"There is no check {id!r} to explain.{nearest(id, known)} --list-checks lists them."
    )


def plain(text: str) -> str:
    """Return docstring text as people read it, without the marks of literals."""
    return re.sub(r"(`{1,2})([^`]+)\1", r"\2", text)


def _page(suite: Suite, check: Check, width: int) -> str:
    cases = ":NAME" if check.cases is not None else ""
    paragraphs = [
        f"{suite.name}.{check.name}{cases}",
        *re.split(r"\n\s*\n", plain(check.page)),
        _DTYPES[check.dtypes],
    ]
    return "\n\n".join(_paragraph(each, width) for each in paragraphs) + "\n"


def _paragraph(text: str, width: int) -> str:
    """Fill a paragraph; one that is indented, underlined or a list keeps its lines."""
    if re.search(r"^(\s|[-=]{3}|- )", text, re.MULTILINE):
        return text
    return "\n".join(_wrapped(text, width, ""))


def _wrapped(text: str, width: int, indent: str, head: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent if head is None else head,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
