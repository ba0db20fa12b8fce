"""The report for people with a browser: one file, nothing loaded from anywhere."""

from __future__ import annotations

import html
from importlib import resources

from layercheck.outcome import LayerResult, Outcome, Result, RunResult, Summary
from layercheck.reports.blocks import labelled_parts
from layercheck.reports.escaping import shown
from layercheck.reports.pictures import pictures
from layercheck.reports.reporter import PLAIN, Reporter, Style
from layercheck.reports.telling import BAD, COUNTED, bad, full_name, headline, title_of, verdict

_CLASSES = {Outcome.EXPECTED_FAILURE: "expected"}
_NARROW = Style(width=1)  # a line for each part
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the run as a page."""
    title = f"layercheck: {verdict(result)}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n"
        "<style>html { background: Canvas; } body { margin: 0; }</style>\n"
        f"</head>\n<body>\n{fragment(result)}</body>\n</html>\n"
    )


def fragment(result: RunResult) -> str:
    """Return the run as a part of a page, such as a notebook."""
    css = resources.files("layercheck.reports").joinpath("page.css").read_text("utf-8")
    versions = {"layercheck": result.version, **result.environment, **result.packages}
    on = ", ".join(f"{name} {version}" for name, version in versions.items())
    word = verdict(result)
    return (
        f'<div class="layercheck">\n<style>\n{css}</style>\n'
        f'<h1>layercheck: <span class="{_class_of(word)}">{word}</span></h1>\n'
        f"<pre>{_text(result.command)}</pre>\n"
        f'<p class="dim">{_text(on)}, seed {result.seed}</p>\n'
        f"{_counts(result.summary)}"
        f"{''.join(_layer(layer) for layer in result.layers)}"
        f"<p><code>{result.summary.line(result.elapsed_s)}</code></p>\n</div>\n"
    )


def _class_of(word: str) -> str:
    return word if word in ("passed", "failed") else "incomplete"


def _counts(summary: Summary) -> str:
    items = []
    for name in COUNTED:
        count = getattr(summary, name)
        if count or name in ("passed", "failed"):
            kind = name.partition("_")[0]
            what = name.replace("_", " ")
            items.append(f'<li><b class="{kind}">{count}</b> {what}</li>\n')
    return f'<ul class="counts">\n{"".join(items)}</ul>\n'


def _layer(layer: LayerResult) -> str:
    place = f'<p class="dim">{_text(str(layer.source))}</p>\n' if layer.source.file else ""
    if layer.problem is not None:
        why = f"<pre>{_lines(layer.problem)}</pre>"
        body = f'<article class="open"><h3>Not checked</h3>{why}</article>\n'
    else:
        body = "".join(_finding(result) for result in bad(layer.results)) + _table(layer)
    notes = "".join(f'<p class="dim">{_text(note)}</p>\n' for note in layer.notes)
    return f"<section>\n<h2>{html.escape(title_of(layer))}</h2>\n{place}{notes}{body}</section>\n"


def _finding(result: Result) -> str:
    is_failed = result.outcome is Outcome.FAILED
    word = "Failed" if is_failed else "Incomplete"
    parts = "".join(
        f"<dt>{name}</dt><dd>{_shown_part(name, texts)}</dd>\n"
        for name, texts in labelled_parts(result, _NARROW)
    )
    comparison = result.finding.comparison if result.finding is not None else None
    figures = ""
    if comparison is not None:
        drawn = "".join(
            f"<figure>{svg}<figcaption>{_text(caption)}</figcaption></figure>\n"
            for caption, svg in pictures(comparison)
        )
        figures = (
            f'<p class="dim">at {_text(comparison.layout)}</p>\n'
            f'<div class="pictures">\n{drawn}</div>\n'
        )
    return (
        f"<article{'' if is_failed else ' class=open'}>\n<h3>{word} "
        f"{html.escape(full_name(result))}</h3>\n<dl>\n{parts}</dl>\n{figures}</article>\n"
    )


def _shown_part(name: str, texts: list[str]) -> str:
    if name in ("how far", "seen", "rerun"):
        lines = "\n".join(_text(text) for text in texts)
        return f"<pre>{lines}</pre>"
    return "<br>".join(_text(text) for text in texts)


def _table(layer: LayerResult) -> str:
    """Return every result, folded away."""
    rows = "".join(_row(result) for result in layer.results)
    counts = ", ".join(
        f"{getattr(layer.summary, name)} {name.replace('_', ' ')}"
        for name in COUNTED
        if getattr(layer.summary, name)
    )
    return (
        f"<details{' open' if not layer.summary.ok else ''}>\n<summary>{counts}</summary>\n"
        '<div class="scroll"><table>\n<thead><tr><th>check</th><th>outcome</th><th>said</th>'
        f"</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</details>\n"
    )


def _row(result: Result) -> str:
    kind = _CLASSES.get(result.outcome, str(result.outcome))
    said = headline(result)
    if result.verified is not None and result.outcome not in BAD:
        done = result.verified
        said = f"{done.elements:,} of {done.of:,} elements verified"
    return (
        f"<tr><td>{html.escape(full_name(result))}</td>"
        f'<td class="{kind}">{result.outcome}</td><td>{html.escape(said)}</td></tr>\n'
    )


def _text(text: str) -> str:
    return html.escape(shown(text))


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.split("\n"))


reporter = Reporter("html", render)
