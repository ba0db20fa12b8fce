"""What test modules write, and all that the pytest plugin needs; pytest is not imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layercheck.calls import Call
from layercheck.commands import quote
from layercheck.config.reading import Configuration, find_configuration
from layercheck.errors import UsageError
from layercheck.inquiry import Inquiry, inquire, inquire_configured
from layercheck.layout import Layout
from layercheck.outcome import Outcome, Question, Result

__all__ = [
    "Inquiry",
    "Outcome",
    "PytestChecks",
    "Question",
    "Result",
    "UsageError",
    "configuration_in",
    "failure_text",
    "headline",
    "inquire_configured",
    "pytest_checks",
    "quote",
]


@dataclass(frozen=True, eq=False)
class PytestChecks:
    """The checks of one layer, as the pytest plugin finds them in a test module."""

    layer: Any
    call: Call

    def inquire(self) -> Inquiry:
        """Build the layer; raises `UsageError` where that cannot be done."""
        return inquire(self.layer, self.call)


def pytest_checks(
    layer: Any,
    *layouts: str | Layout,
    init: Mapping[str, Any] | None = None,
    call: Mapping[str, Any] | None = None,
    learnable: Mapping[str, Sequence[int]] | None = None,
    declare: Mapping[str, Any] | None = None,
    dtypes: Sequence[str] = ("float64", "float32"),
    range: Any = None,
    integers: Any = None,
    data: Any = None,
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
    budget: int = 64,
    thorough: bool = False,
    gpu: bool = False,
) -> PytestChecks:
    """Return the checks of a layer as tests: assign them to a name that starts with ``test``.

    Every check is a test of its own, ``test_prelu[gradients.learnable:alpha-float64]``. The
    layer is built when pytest collects, and runs with its tests.

    Parameters
    ----------
    layer, *layouts, init, call, learnable, declare, dtypes, range, integers, data, only, skip, \
expected_failures, seed, budget, thorough, gpu
        As `check_layer` takes them.

    Returns
    -------
    PytestChecks

    Examples
    --------
    >>> import layercheck
    >>> class Double:
    ...     def predict(self, x):
    ...         return 2 * x
    ...     def backward(self, x, z, dz, memory):
    ...         return 2 * dz
    >>> test_double = layercheck.pytest_checks(Double(), "CB:5,4")
    """
    given = Call(
        layouts=layouts,
        init=init,
        call=call,
        learnable=learnable,
        declare=declare,
        dtypes=dtypes,
        range=range,
        integers=integers,
        data=data,
        only=only,
        skip=skip,
        expected_failures=expected_failures or {},
        seed=seed,
        budget=budget,
        thorough=thorough,
        gpu=gpu,
    )
    return PytestChecks(layer, given)


def configuration_in(folder: Path) -> Configuration | None:
    """Return what the pyproject.toml of a folder says about layers."""
    return find_configuration(folder)


def failure_text(result: Result, again: str, *, width: int = 92, colour: bool = False) -> str:
    """Return the block of a failed or incomplete result, and another command that shows it."""
    from layercheck.reports.blocks import block_text
    from layercheck.reports.reporter import Style

    return block_text(result, again, Style(width=width, colour=colour))


def headline(result: Result) -> str:
    """Return in one line why a result did not pass."""
    finding = result.finding
    if finding is not None:
        return finding.what if finding.cause is None else f"{finding.what} ({finding.cause.id})"
    return result.reason or "It has no verdict."
