"""What a report plugin is: a frozen record with a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layercheck.outcome import RunResult

WIDTH = 92


@dataclass(frozen=True)
class Style:
    """What the place where a report goes can show, and how much is wanted.

    Parameters
    ----------
    width : int
        In terminal cells; commands and the summary line are not bound by it.
    colour : bool
    encoding : str
        Characters that it does not have are escaped.
    verbosity : int
        -1 the summary line, 0 suites and failures, 1 every check.
    """

    width: int = WIDTH
    colour: bool = False
    encoding: str = "utf-8"
    verbosity: int = 0


PLAIN = Style()


@dataclass(frozen=True)
class Reporter:
    """A report format, found by its entry point in the group ``layercheck.reports``.

    Parameters
    ----------
    name : str
        What ``--report`` calls it.
    render : callable, (RunResult, Style) -> str
        The whole report, ending with a line end.
    """

    name: str
    render: Callable[[RunResult, Style], str]
