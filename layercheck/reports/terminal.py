"""The report that people read: one line a suite, a block for what failed, the summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from layercheck.outcome import LayerResult, Result, RunResult
from layercheck.reports.blocks import blocks, rule
from layercheck.reports.escaping import shown
from layercheck.reports.listing import check_lines, recognised_lines
from layercheck.reports.reporter import PLAIN, Reporter, Style
from layercheck.reports.tally import Columns, suite_lines
from layercheck.reports.text import styled, to_string, wrap

_INDENT = 7


@dataclass(frozen=True)
class Setting:
    """What is known before the first layer: versions and the seed."""

    version: str
    environment: Mapping[str, str]
    seed: int


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the whole report."""
    setting = Setting(result.version, result.environment, result.seed)
    layers = [layer_section(layer, setting, style) for layer in result.layers]
    return "".join(layers) + ending(result, style)


def layer_section(layer: LayerResult, setting: Setting, style: Style) -> str:
    """Return what is said about one layer, ending with an empty line; nothing where quiet."""
    if style.verbosity < 0:
        return ""
    parts = _problem(layer, style) if layer.problem is not None else _layer(layer, setting, style)
    return to_string((line for part in parts for line in [*part, Text()]), style)


def ending(result: RunResult, style: Style) -> str:
    """Return the rule and the summary line, and before it what its counts do not say."""
    summary = Text(result.summary.line(result.elapsed_s), "green" if result.ok else "bold red")
    if style.verbosity < 0:
        return to_string([summary], style)
    return to_string([rule(style), *_remarks(result, style), summary], style)


def _layer(layer: LayerResult, setting: Setting, style: Style) -> Iterator[list[Text]]:
    yield _header(layer, setting, style)
    if layer.results:
        yield _suites(layer, style)
    yield from blocks(layer.results, style)


def _header(layer: LayerResult, setting: Setting, style: Style) -> list[Text]:
    name = shown(layer.name, style.encoding)
    place = shown(str(layer.source), style.encoding)
    lines = [_label("layer") + styled(name, "bold") + Text(f"  {place}" if place else "")]
    inputs = [f"{one.name} {str(one).replace(':', ' ', 1)}" for one in layer.layouts]
    if inputs:
        inputs[-1] += f"  {', '.join(layer.dtypes)}" if layer.dtypes else ""
    lines += _labelled("input", inputs, style)
    lines += _labelled("on", [_environment(layer, setting)], style)
    if style.verbosity > 0:
        lines += _labelled("as", recognised_lines(layer), style)
    return lines + _labelled("note", list(layer.notes), style)


def _environment(layer: LayerResult, setting: Setting) -> str:
    packages = layer.packages or {"numpy": setting.environment.get("numpy", "")}
    versions = [f"{name} {version}".strip() for name, version in packages.items()]
    devices = {result.device: None for result in layer.results if result.device is not None}
    parts = [f"layercheck {setting.version}", *versions]
    return ", ".join([*parts, *(devices or ["cpu"]), f"seed {setting.seed}"])


def _suites(layer: LayerResult, style: Style) -> list[Text]:
    suites: dict[str, list[Result]] = {}
    for result in layer.results:
        suites.setdefault(result.suite, []).append(result)
    columns = Columns.of(suites, style.width)
    lines = []
    for name, results in suites.items():
        lines += suite_lines(name, results, columns, style)
        if style.verbosity > 0:
            lines += check_lines(results, columns, style)
    return lines


def _problem(layer: LayerResult, style: Style) -> Iterator[list[Text]]:
    title = styled("Not checked", "bold red")
    if layer.target:
        title += styled(f" {shown(layer.target, style.encoding)}", "bold")
    text = [shown(line, style.encoding) for line in (layer.problem or "").splitlines()]
    wrapped = [line for one in text for line in _wrapped_unless_indented(one, style.width)]
    yield [rule(style, title), *map(Text, wrapped)]


def _wrapped_unless_indented(line: str, width: int) -> list[str]:
    """An indented line is a command or a line of source: to be pasted, or seen as it is."""
    return [line] if line.startswith("    ") else wrap(line, width)


def _remarks(result: RunResult, style: Style) -> list[Text]:
    lines = []
    missing = sum(layer.problem is not None for layer in result.layers)
    if missing:
        lines.append(f"{missing} of {len(result.layers)} layers could not be checked.")
    if result.interrupted:
        lines.append("Interrupted: this is what was done before Ctrl-C.")
    return [Text(line, "bold red") for line in lines]


def _label(name: str) -> Text:
    return styled(f"{name:<{_INDENT}}", "dim")


def _labelled(name: str, parts: list[str], style: Style) -> list[Text]:
    width = style.width - _INDENT
    lines = []
    for part in parts:
        text = shown(part, style.encoding)
        lines += [text] if cell_len(text) <= width else wrap(text, width)
    return [
        (_label(name) if number == 0 else Text(" " * _INDENT)) + Text(line)
        for number, line in enumerate(lines)
    ]


reporter = Reporter("terminal", render)
