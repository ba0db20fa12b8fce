"""The report for GitHub Actions: annotations on the lines they are about, and a job summary."""

from __future__ import annotations

import os
from pathlib import Path

from layercheck.outcome import LayerResult, Outcome, Result, RunResult, Source
from layercheck.reports import markdown, terminal
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import PLAIN, Reporter, Style
from layercheck.reports.telling import bad, full_name, headline, place_of

_WORDS = {Outcome.FAILED: "error", Outcome.INCOMPLETE: "error", Outcome.EXPECTED_FAILURE: "notice"}


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the annotations, and below them the terminal's report.

    Where GITHUB_STEP_SUMMARY names a file, the Markdown report is added to it.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown.render(result))
    lines = [line for layer in result.layers for line in _annotations(layer)]
    return "".join(f"{line}\n" for line in lines) + terminal.render(result, style)


def _annotations(layer: LayerResult) -> list[str]:
    if layer.problem is not None:
        title = f"layercheck: {layer.target or 'a layer'} was not checked"
        return [_command("error", title, layer.problem, layer.source)]
    known = [r for r in layer.results if r.outcome is Outcome.EXPECTED_FAILURE]
    return [_annotation(layer, result) for result in (*bad(layer.results), *known)]


def _annotation(layer: LayerResult, result: Result) -> str:
    title = f"layercheck: {layer.name} {full_name(result)} {result.outcome}"
    return _command(_WORDS[result.outcome], title, _message(result), place_of(layer, result))


def _message(result: Result) -> str:
    finding = result.finding
    lines = [headline(result)]
    if finding is not None:
        lines += [finding.where or ""]
        lines += [finding.cause.text] if finding.cause else []
    lines += [result.rerun or ""]
    return "\n".join(line for line in lines if line)


def _command(word: str, title: str, message: str, place: Source) -> str:
    """Return a workflow command, as GitHub documents it."""
    fields = {}
    if place.file:
        fields["file"] = _in_repository(place.file)
        if place.line:
            fields["line"] = str(place.line)
    fields["title"] = title
    named = ",".join(f"{name}={_field(shown(value))}" for name, value in fields.items())
    text = "\n".join(shown(line) for line in message.split("\n"))
    return f"::{word} {named}::{_data(text)}"


def _in_repository(file: str) -> str:
    """Return a path as GitHub knows it: from the root of the repository, with slashes."""
    root = os.environ.get("GITHUB_WORKSPACE")
    path = Path(file).absolute()
    if root and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return Path(file).as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _field(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


reporter = Reporter("github", render)
