"""Suites and checks: frozen data that point to functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from layercheck.case import Case
from layercheck.subject import Subject
from layercheck.verdict import Passed

Dtypes = Literal["all", "first", "none"]


@dataclass(frozen=True)
class Check:
    """One question about a layer.

    Parameters
    ----------
    name : str
        ``suite.name`` is its id.
    run : callable, (Case) or (Case, str) -> Passed or None
        Returns where the check holds; raises `Failed`, `Skipped` or `Inconclusive` otherwise.
        Its docstring is the page that ``--explain`` prints. It gets the name of the case where
        `cases` is given.
    dtypes : {"first", "all", "none"}
        Run in the first dtype of the run, in all, or in the first without naming it (for a check
        that does not depend on it).
    cases : callable, Subject -> names, optional
        One result a name: ``gradients.learnable:alpha``.
    """

    name: str
    run: Callable[..., Passed | None]
    dtypes: Dtypes = "first"
    cases: Callable[[Subject], tuple[str, ...]] | None = None

    @property
    def page(self) -> str:
        """What must hold, why it matters, the usual cause, how to fix it."""
        return inspect.getdoc(self.run) or ""

    def __call__(self, case: Case, name: str | None = None) -> Passed:
        """Run the check; return what it adds to a pass."""
        arguments: tuple[Any, ...] = (case,) if name is None else (case, name)
        return self.run(*arguments) or Passed()


@dataclass(frozen=True)
class Suite:
    """An ordered set of checks about one aspect.

    Parameters
    ----------
    name : str
    summary : str
        One line for ``--list-checks``.
    checks : tuple of Check
    framework : str or None
        The framework whose layers alone are asked; None: every layer is.
    """

    name: str
    summary: str
    checks: tuple[Check, ...]
    framework: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the checks, without cases."""
        return tuple(f"{self.name}.{check.name}" for check in self.checks)
