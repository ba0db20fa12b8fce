"""What a run is to do, and the selection of checks."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from layercheck.case import Options
from layercheck.errors import UsageError, nearest
from layercheck.layout import Layout
from layercheck.loading import LoadedTarget
from layercheck.suite import Check, Suite


@dataclass(frozen=True)
class TargetPlan:
    """One layer to be checked.

    Parameters
    ----------
    loaded : LoadedTarget
    layouts : tuple of (input name or None, Layout)
    init, call : mapping
        Arguments of the constructor, and of every forward call.
    learnables : mapping, name -> shape
        Parameters to generate, for functional pairs.
    declared : mapping
    rerun : callable, (check id, dtype or None) -> str, optional
        The command that runs one check again.
    """

    loaded: LoadedTarget
    layouts: tuple[tuple[str | None, Layout], ...]
    init: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    learnables: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    rerun: Callable[[str, str | None], str] | None = None


@dataclass(frozen=True)
class Plan:
    """A whole run.

    Parameters
    ----------
    targets : tuple of TargetPlan
    unloadable : tuple of UsageError
        What could not be loaded beside the targets.
    suites : tuple of Suite
    dtypes : tuple of str
    only, skip : tuple of str
        Suites, checks, cases (``gradients.input:x``) or globs.
    expected : mapping, check id -> reason
    options : Options
    seed : int
    command : str
    stop_on_first : bool
        End a layer at its first failure.
    """

    targets: tuple[TargetPlan, ...]
    suites: tuple[Suite, ...]
    dtypes: tuple[str, ...] = ("float64", "float32")
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    expected: Mapping[str, str] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    seed: int = 0
    command: str = ""
    stop_on_first: bool = False
    unloadable: tuple[UsageError, ...] = ()

    def selected(self) -> Iterator[tuple[Suite, Check]]:
        """Yield the checks of which a case may be selected, in order."""
        for suite in self.suites:
            for check in suite.checks:
                id = f"{suite.name}.{check.name}"
                if self.only and not any(_may_match(pattern, id) for pattern in self.only):
                    continue
                if not any(_matches(pattern, id) for pattern in self.skip):
                    yield suite, check

    def selects(self, id: str) -> bool:
        """Whether the check or case `id` is to run."""
        wanted = not self.only or any(_matches(pattern, id) for pattern in self.only)
        return wanted and not any(_matches(pattern, id) for pattern in self.skip)


def _matches(pattern: str, id: str) -> bool:
    suite, check = id.partition(".")[0], id.partition(":")[0]
    return any(fnmatch.fnmatchcase(name, pattern) for name in (suite, check, id))


def _may_match(pattern: str, id: str) -> bool:
    """Whether `pattern` selects `id` or may select one of its cases."""
    return _matches(pattern, id) or _matches(pattern.partition(":")[0], id)


def require_known(patterns: Iterable[str], suites: Iterable[Suite], option: str) -> None:
    """Raise `UsageError` for a pattern that selects no check of `suites`."""
    suites = tuple(suites)
    ids = [id for suite in suites for id in suite.ids]
    for pattern in patterns:
        if any(_may_match(pattern, id) for id in ids):
            continue
        names = [suite.name for suite in suites]
        kind, known = ("check", ids) if "." in pattern else ("suite", names)
        raise UsageError(
            f"There is no {kind} {pattern!r} ({option}).{nearest(pattern, known)} "
            f"Suites: {', '.join(names)}; --list-checks lists their checks."
        )
