"""The report that ``--baseline`` reads: what fails today, to be accepted from now on."""

from __future__ import annotations

from layercheck.baseline import written_baseline
from layercheck.outcome import RunResult
from layercheck.reports.reporter import PLAIN, Reporter, Style


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the baseline of a run."""
    return written_baseline(result)


reporter = Reporter("baseline", render)
