from __future__ import annotations

import io

from layercheck.events import CheckFinished, CheckStarted, LayerStarted, Progressed, RunStarted
from layercheck.outcome import Outcome, Result, Source
from layercheck.reports.progress import LiveProgress

EVENTS = [
    LayerStarted("a.py::A", "A\x1b[31m", "numpy", "native", Source(), (), ("float64",), "cpu", 2),
    CheckStarted("batch.one", "float64"),
    CheckFinished(Result("batch", "one", Outcome.PASSED, dtype="float64")),
    CheckStarted("batch.two", None),
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def show(stream, **options):
    with LiveProgress(stream, **options) as progress:
        for event in EVENTS:
            progress.follow(event)
        with progress.paused():
            stream.write("between\n")
    return stream.getvalue()


def test_nothing_is_shown_where_there_is_no_terminal():
    assert show(io.StringIO()) == "between\n"


def test_nothing_is_shown_where_quiet_is_asked_for():
    assert show(Terminal(), quiet=True) == "between\n"


def test_a_terminal_shows_the_check_that_runs_and_is_cleaned(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = show(Terminal())

    assert "A\\x1b[31m batch.two" in text
    assert "1/2" in text
    assert text.rstrip("\r\n").endswith("\x1b[2K")


def test_layers_that_are_checked_at_the_same_time_are_counted_and_named(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with LiveProgress(stream) as progress:
        progress.follow(RunStarted("0", {}, 0, 4))
        progress.follow(Progressed(1, 4, ("A batch.one", "B\x1b[31m")))
        for event in EVENTS:
            progress.follow(event)

    assert "A batch.one, B\\x1b[31m" in stream.getvalue()
    assert "1/4" in stream.getvalue()
    assert "batch.two" not in stream.getvalue()
