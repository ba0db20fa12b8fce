"""What ``-v`` adds: every check, and how the layer was understood."""

from __future__ import annotations

from rich.text import Text

from layercheck.outcome import Evaluations, LayerResult, Recognised, Result, Verified
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import Style
from layercheck.reports.tally import MARKS, Columns, short_id
from layercheck.reports.text import styled, wrap


def recognised_lines(layer: LayerResult) -> list[str]:
    """Say which convention drives a layer, and how each learnable and state was found."""
    driver = f"{layer.convention} convention" if layer.convention else "no convention"
    framework = f", {layer.framework}" if layer.framework else ""
    return [driver + framework, *map(_recognised, layer.recognised)]


def _recognised(slot: Recognised) -> str:
    sizes = ",".join(str(n) for n in slot.shape)
    size = f" of size {sizes}" if sizes else ", a scalar"
    if slot.kind != "learnable":
        gradient = f"; gradient: {slot.gradient}" if slot.gradient else ""
    else:
        gradient = f"; gradient: {slot.gradient or 'none found'}"
    return f"{slot.kind} {slot.name}{size}: {slot.found}{gradient}"


def check_lines(results: list[Result], columns: Columns, style: Style) -> list[Text]:
    """Return a line for each result: mark, name, dtype, and what there is to say."""
    names = [shown(short_id(result), style.encoding) for result in results]
    left = max(len(name) for name in names) + 2
    right = max(len(result.dtype or "") for result in results) + 2
    lines = []
    for name, result in zip(names, results, strict=True):
        mark, colour = MARKS[result.outcome]
        head = Text(" " * columns.name) + styled(f"{mark} ", colour) + Text(f"{name:<{left}}")
        head += styled(f"{result.dtype or '':<{right}}", "dim")
        texts = _remarks(result, style, max(style.width - len(head), 24)) or [""]
        lines.append(head + Text(texts[0]))
        lines += [Text(" " * len(head)) + Text(text) for text in texts[1:]]
    return lines


def _remarks(result: Result, style: Style, width: int) -> list[str]:
    texts: list[str | None] = [
        result.reason,
        result.expectation and f"expected: {result.expectation}",
    ]
    if result.finding is not None:
        texts.append(result.finding.what)
    if result.verified is not None:
        texts += [_verified(result.verified, result.evaluations), result.verified.method]
    remarks = [shown(text, style.encoding) for text in (*texts, *result.notes) if text]
    return [line for text in remarks for line in wrap(text, width)]


def _verified(part: Verified, calls: Evaluations) -> str:
    counts = (
        (part.individually, "one by one"),
        (part.in_blocks, "in blocks"),
        (part.at_kinks, "at kinks"),
        (part.not_adjudicated, "not adjudicated"),
    )
    ways = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return (
        f"{part.elements:,} of {part.of:,} elements{': ' if ways else ''}{ways}; "
        f"{calls.forward:,} forward and {calls.backward:,} backward passes"
    )
