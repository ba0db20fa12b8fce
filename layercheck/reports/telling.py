"""What several reports say in the same words."""

from __future__ import annotations

from collections.abc import Iterable

from layercheck.outcome import LayerResult, Outcome, Result, RunResult, Source
from layercheck.reports.blocks import block
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import PLAIN
from layercheck.reports.text import to_string

BAD = (Outcome.FAILED, Outcome.INCOMPLETE)
COUNTED = ("passed", "failed", "incomplete", "skipped", "expected_failures")


def bad(results: Iterable[Result]) -> list[Result]:
    """Return the results that are failed or incomplete."""
    return [result for result in results if result.outcome in BAD]


def full_name(result: Result) -> str:
    """Return the id of a result with its dtype: unique in a layer."""
    return shown(result.id if result.dtype is None else f"{result.id} {result.dtype}")


def headline(result: Result) -> str:
    """Return in one line what a result says."""
    finding = result.finding
    if finding is None:
        return shown(result.reason or result.expectation or "")
    cause = "" if finding.cause is None else f" ({finding.cause.id})"
    return shown(f"{finding.what}{cause}")


def block_of(result: Result) -> str:
    """Return the block that the terminal shows, without its rule."""
    lines = block([result], PLAIN)[1:]
    return to_string(lines, PLAIN).rstrip("\n")


def place_of(layer: LayerResult, result: Result) -> Source:
    """Return the line that a result is about: that of its finding, else that of the layer."""
    source = result.finding.source if result.finding is not None else None
    return source if source is not None and source.file else layer.source


def title_of(layer: LayerResult) -> str:
    """Return the name of a layer with its layouts."""
    layouts = " ".join(str(each) for each in layer.layouts)
    return shown(f"{layer.name} {layouts}".strip() or layer.target or "a layer")


def verdict(result: RunResult) -> str:
    """Return in a word how a run ended."""
    if result.interrupted:
        return "interrupted"
    return "passed" if result.ok else "failed"
