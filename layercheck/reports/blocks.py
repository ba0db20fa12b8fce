"""The block of one failed or incomplete check: what, where, how far or seen, cause, rerun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.text import Text

from layercheck.outcome import Finding, Outcome, Result, Worst
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import PLAIN, Style
from layercheck.reports.text import coloured_numbers, rule_character, styled, to_string, wrap

_INDENT = 10
_TITLES = {Outcome.FAILED: ("Failed", "bold red"), Outcome.INCOMPLETE: ("Incomplete", "magenta")}


def blocks(results: Iterable[Result], style: Style) -> Iterator[list[Text]]:
    """Yield a block for each failed or incomplete result.

    Equal ones of several dtypes share it, and so do checks that are incomplete for one reason.
    """
    shared: dict[tuple[object, ...], list[Result]] = {}
    unsettled = [result for result in results if result.outcome in _TITLES]
    for result in unsettled:
        shared.setdefault(_sameness(result), []).append(result)
    ids = [id for group in shared.values() for id in {result.id for result in group}]
    for group in shared.values():
        yield block(group, style, name_dtypes=ids.count(group[0].id) > 1)


def block(results: list[Result], style: Style, *, name_dtypes: bool = False) -> list[Text]:
    """Return the lines of one block; the first result has the evidence that is shown."""
    result = results[0]
    others = dict.fromkeys(each.id for each in results if each.id != result.id)
    lines = [_title(results, style, name_dtypes)]
    for name, parts in labelled_parts(result, style, also=tuple(others)):
        if name == "rerun":
            lines.append(_label(name) + Text(shown(parts[0], style.encoding)))
        else:
            lines += _labelled(name, parts, style, numbers=name in ("how far", "seen"))
    return lines


def labelled_parts(
    result: Result, style: Style = PLAIN, also: tuple[str, ...] = ()
) -> list[tuple[str, list[str]]]:
    """Return what there is to say of a failed or incomplete result, each with its label."""
    finding = _evidence(result)
    seen = "seen" if finding.worst is None else "how far"
    said = [("what", [finding.what]), ("where", _where(finding, style))]
    said.append((seen, _how_far(result, finding)))
    if finding.cause is not None:
        said.append(("cause", [f"{finding.cause.text}  ({finding.cause.id})"]))
    if style.verbosity > 0:
        said += [("or", [f"{cause.text}  ({cause.id})"]) for cause in finding.other_causes]
    if finding.fix is not None:
        said.append(("fix", [finding.fix]))
    if result.outcome is Outcome.INCOMPLETE:
        said.append(("note", list(result.notes)))
    said.append(("also", [", ".join(also)] if also else []))
    if result.expectation is not None:
        said.append(("expected", [result.expectation]))
    if finding.rerun is not None:
        said.append(("rerun", [finding.rerun]))
    return [(name, parts) for name, parts in said if parts]


def block_text(result: Result, again: str, style: Style) -> str:
    """Return the block of one result as text, with another command that shows it again."""
    label = _label("") if _evidence(result).rerun is not None else _label("rerun")
    return to_string([*block([result], style), label + Text(shown(again, style.encoding))], style)


def rule(style: Style, title: Text | None = None) -> Text:
    """Return a line across the report, with a title at its left."""
    head = Text() if title is None else title + Text(" ")
    rest = max(style.width - cell_len(head.plain), 3)
    return head + styled(rule_character(style.encoding) * rest, "dim")


def _title(results: list[Result], style: Style, name_dtypes: bool) -> Text:
    word, colour = _TITLES[results[0].outcome]
    title = styled(f"{word} ", colour) + styled(shown(results[0].id, style.encoding), "bold")
    first = results[0].id
    dtypes = [each.dtype for each in results if each.dtype is not None and each.id == first]
    if name_dtypes and dtypes:
        title += Text(f" {', '.join(dict.fromkeys(dtypes))}")
    return rule(style, title)


def _evidence(result: Result) -> Finding:
    return result.finding or Finding(result.reason or "It has no verdict.", rerun=result.rerun)


def _sameness(result: Result) -> tuple[object, ...]:
    """What two results must have in common to share a block: all but dtype and numbers."""
    if result.finding is None:
        return (result.outcome, result.reason)
    found = _evidence(result)
    cause = None if found.cause is None else found.cause.text
    return (
        *(result.outcome, result.id, found.what, found.where, found.source),
        *(found.details, cause, found.fix),
    )


def _where(finding: Finding, style: Style) -> list[str]:
    place = str(finding.source) if finding.source is not None else ""
    if finding.where is None:
        return [place] if place else []
    both = f"{finding.where}   {place}" if place else finding.where
    if cell_len(both) <= style.width - _INDENT:
        return [both]
    return [finding.where, place] if place else [finding.where]


def _how_far(result: Result, finding: Finding) -> list[str]:
    lines = list(finding.details)
    if finding.worst is not None:
        lines = _values(finding.worst, _is_from_differences(result)) + lines
    return lines


def _is_from_differences(result: Result) -> bool:
    return result.suite == "gradients" and result.check in ("input", "learnable", "state")


def _values(worst: Worst, is_gradient: bool) -> list[str]:
    first, second = ("analytic", "numeric") if is_gradient else ("actual", "expected")
    of_first = "from backward()" if is_gradient else ""
    bound = f"+- {worst.tolerance:.0e}" if worst.tolerance else ""
    of_second = [bound, "from differences of forward()" if is_gradient else ""]
    numbers = [_number(worst.analytic), _number(worst.numeric)]
    length = max(map(len, numbers))
    return [
        f"{first:<9} {numbers[0]:<{length}}   {of_first}".rstrip(),
        f"{second:<9} {numbers[1]:<{length}}   {', '.join(filter(None, of_second))}".rstrip(),
    ]


def _number(value: complex) -> str:
    if value.imag:
        return f"{value.real: .6e}{value.imag:+.6e}j"
    return f"{value.real: .6e}"


def _label(name: str) -> Text:
    return styled(f"{name:<{_INDENT}}", "dim")


def _labelled(name: str, parts: list[str], style: Style, *, numbers: bool = False) -> list[Text]:
    """Return `parts` wrapped beside a label; a part that fits stays as it is."""
    lines = []
    for part in parts:
        text = shown(part, style.encoding)
        fits = cell_len(text) <= style.width - _INDENT
        lines += [text] if fits else wrap(text, style.width - _INDENT)
    labels = [_label(name)] + [Text(" " * _INDENT)] * (len(lines) - 1)
    shape = coloured_numbers if numbers else Text
    return [label + shape(line) for label, line in zip(labels, lines, strict=False)]
