"""The report that programs read: ``layercheck/1``, described by ``schema.json`` beside it."""

from __future__ import annotations

import json

from layercheck.outcome import RunResult
from layercheck.reports.reporter import PLAIN, Reporter, Style


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the run as JSON; letters outside ASCII are escaped, so every stream can hold it."""
    return json.dumps(result.to_json(), indent=2, allow_nan=False) + "\n"


reporter = Reporter("json", render)
