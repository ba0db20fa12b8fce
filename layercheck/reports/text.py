"""Text for a terminal: lines wrapped, styles applied."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from layercheck.reports.reporter import Style

_GLUE = "\0"
_NUMBER = re.compile(r"(?<![\w.:/,=])[-+]?\d[\d,]*(\.\d+)?(e[-+]\d+)?(?![\w:=/]|\.\w)")


def wrap(text: str, width: int) -> list[str]:
    """Break text at spaces into lines of at most `width` cells.

    A longer word stays whole, and so does an option with its value: both are to be pasted.
    """
    glued = re.sub(r"(--[a-z][a-z-]*) (?=\S)", rf"\1{_GLUE}", text)
    lines: list[str] = []
    for word in glued.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [line.replace(_GLUE, " ").rstrip() for line in lines]


def styled(text: str, style: str) -> Text:
    """Return text whose style ends with it, whatever is joined to it."""
    return Text().append(text, style)


def coloured_numbers(text: str) -> Text:
    """Return text whose numbers are cyan."""
    line = Text(text)
    line.highlight_regex(_NUMBER, "cyan")
    return line


def to_string(lines: Iterable[Text], style: Style) -> str:
    """Return styled lines as the text that a stream gets; nothing is wrapped any more."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=style.width,
        color_system="standard" if style.colour else None,
        force_terminal=style.colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    for line in lines:
        line.rstrip()
        console.print(line, soft_wrap=True)
    return stream.getvalue()


def rule_character(encoding: str) -> str:
    """Return the character that rules are drawn with."""
    try:
        "─".encode(encoding)
    except UnicodeEncodeError:
        return "-"
    return "─"
