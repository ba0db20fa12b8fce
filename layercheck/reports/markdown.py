"""The report for pull requests and job summaries: Markdown."""

from __future__ import annotations

from layercheck.outcome import LayerResult, Outcome, Result, RunResult, Summary
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import PLAIN, Reporter, Style
from layercheck.reports.telling import BAD, COUNTED, bad, block_of, full_name, title_of, verdict

_SPECIAL = r"\`*_{}[]<>|#~"


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the run as Markdown."""
    lines = [f"# layercheck: {verdict(result)}", "", *_table(result), ""]
    for layer in result.layers:
        lines += _layer(layer)
    lines += [f"`{result.summary.line(result.elapsed_s)}`", ""]
    return "\n".join(lines)


def _table(result: RunResult) -> list[str]:
    heads = [name.replace("_", " ") for name in COUNTED]
    lines = [f"| layer | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for layer in result.layers:
        if layer.problem is not None:
            lines.append(f"| {_name(layer)} | not checked |{' |' * (len(heads) - 1)}")
        else:
            lines.append(f"| {_name(layer)} | {' | '.join(_numbers(layer.summary))} |")
    return lines


def _numbers(summary: Summary) -> list[str]:
    counts = [getattr(summary, name) for name in COUNTED]
    bold = [count and name in BAD for name, count in zip(COUNTED, counts, strict=True)]
    return [f"**{n}**" if strong else str(n) for n, strong in zip(counts, bold, strict=True)]


def _name(layer: LayerResult) -> str:
    return escaped(title_of(layer))


def _layer(layer: LayerResult) -> list[str]:
    lines: list[str] = []
    if layer.problem is not None:
        lines = [*_fenced(shown_lines(layer.problem)), ""]
    for result in bad(layer.results):
        lines += [*_finding(result), ""]
    known = [r for r in layer.results if r.outcome is Outcome.EXPECTED_FAILURE]
    for result in known:
        reason = escaped(shown(result.expectation or ""))
        lines += [f"Expected failure `{full_name(result)}`: {reason}", ""]
    return [f"## {_name(layer)}", "", *lines] if lines else []


def _finding(result: Result) -> list[str]:
    word = "Failed" if result.outcome is Outcome.FAILED else "Incomplete"
    return [f"### {word} `{full_name(result)}`", "", *_fenced(block_of(result))]


def _fenced(text: str) -> list[str]:
    """Return text as it is, in a fence that it does not hold itself."""
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}text", text, fence]


def shown_lines(text: str) -> str:
    """Return text of the user's, line by line."""
    return "\n".join(shown(line) for line in text.split("\n"))


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in text)


reporter = Reporter("markdown", render)
