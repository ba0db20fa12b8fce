"""Where reports go: streams with what they can show, and files that are whole or not there."""

from __future__ import annotations

import codecs
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from layercheck.errors import UsageError
from layercheck.outcome import RunResult
from layercheck.plugins import PluginError, load_reporter
from layercheck.reports.reporter import WIDTH, Reporter, Style

_NARROWEST = 40


@dataclass(frozen=True)
class Output:
    """One report of a run; without a path it goes to stdout."""

    reporter: Reporter
    path: Path | None = None


def make_outputs(texts: Iterable[str]) -> tuple[Output, ...]:
    """Read ``FORMAT[:PATH]`` texts; the terminal report joins them unless another has stdout.

    Raises
    ------
    UsageError
        A format is unknown, a path cannot be written to, or two reports have one place.
    """
    outputs = [_output(text) for text in texts]
    places = [None if each.path is None else each.path.resolve() for each in outputs]
    for each, place in zip(outputs, places, strict=True):
        if places.count(place) > 1:
            where = "stdout" if each.path is None else f"{str(each.path)!r}"
            raise UsageError(
                f"Two reports go to {where}. Give one a path of its own: "
                f"--report {each.reporter.name}:PATH."
            )
    if None not in places:
        outputs.append(Output(_reporter("terminal")))
    return tuple(outputs)


def style_of(stream: TextIO, verbosity: int = 0) -> Style:
    """Return what a stream can show; NO_COLOR and pipes get the same text without colour."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns
    return Style(
        width=max(min(columns, WIDTH), _NARROWEST),
        colour=_has_colour(stream),
        encoding=_encoding(stream),
        verbosity=verbosity,
    )


def write_stream(stream: TextIO, text: str) -> None:
    """Write to a stream; one that nobody reads any more (``| head``) is given up quietly."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_file(output: Output, result: RunResult, verbosity: int = 0) -> None:
    """Write a report to its path, if it has one: whole or not at all.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    if output.path is None:
        return
    text = output.reporter.render(result, Style(verbosity=verbosity))
    path = Path(os.path.realpath(output.path))
    is_device = path.exists() and not path.is_file()
    part = path if is_device else path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        if not is_device:
            part.replace(path)
    except OSError as error:
        if not is_device:
            part.unlink(missing_ok=True)
        raise UsageError(_unwritable(output.path, error.strerror or str(error))) from error


def _output(text: str) -> Output:
    name, colon, path = text.partition(":")
    reporter = _reporter(name)
    if not colon:
        return Output(reporter)
    if not path:
        raise UsageError(f"--report {text!r} has no path. Write {name}:PATH, or {name} for stdout.")
    _require_writable(Path(path))
    return Output(reporter, Path(path))


def _reporter(name: str) -> Reporter:
    reporter = load_reporter(name)
    if not isinstance(reporter, Reporter):
        raise PluginError(f"The report {name!r} is no Reporter. Update its distribution.")
    return reporter


def _require_writable(path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir():
        raise UsageError(_unwritable(path, "it is a folder"))
    if not folder.is_dir():
        raise UsageError(_unwritable(path, f"there is no folder {str(folder)!r}"))
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(_unwritable(path, "it is not writable"))


def _unwritable(path: Path, why: str) -> str:
    return f"A report cannot be written to {str(path)!r}: {why}. Choose another path."


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _encoding(stream: TextIO) -> str:
    try:
        return codecs.lookup(stream.encoding or "ascii").name
    except (LookupError, AttributeError):
        return "ascii"
