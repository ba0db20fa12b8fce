"""A run shown while it goes on: progress on stderr, what is finished on stdout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from layercheck.events import (
    BugFound,
    Event,
    LayerFinished,
    RunFinished,
    RunStarted,
    Warned,
)
from layercheck.outcome import LayerResult, Outcome, RunResult
from layercheck.reports import terminal
from layercheck.reports.escaping import shown_lines
from layercheck.reports.output import style_of, write_stream
from layercheck.reports.progress import LiveProgress
from layercheck.reports.reporter import Reporter

_NOTHING = {
    "interrupted": "Interrupted before any check was done.",
    "skipped": "Nothing ran: every selected check was skipped.",
    "none": "Nothing ran: --only and --skip leave no check.",
}


class Session:
    """One run and the streams it is shown on.

    The terminal report grows layer by layer; any other is written when the run is over. Nothing
    goes to stdout before a check has run.

    Parameters
    ----------
    reporter : Reporter
        The report on stdout.
    stdout, stderr : text stream
    verbosity : int
    """

    def __init__(
        self, reporter: Reporter, stdout: TextIO, stderr: TextIO, verbosity: int = 0
    ) -> None:
        self._reporter = reporter
        self._grows = reporter is terminal.reporter
        self._stdout, self._stderr = stdout, stderr
        self._style = style_of(stdout, verbosity)
        self._held: list[LayerResult] = []
        self._setting = terminal.Setting("", {}, 0)
        self.anything_ran = self.found_bug = False

    def follow(self, events: Iterable[Event]) -> RunResult:
        """Show the events of a run as they come, and return its result.

        Raises
        ------
        UsageError
            No target can be loaded.
        """
        with LiveProgress(self._stderr, quiet=self._style.verbosity < 0) as progress:
            for event in events:
                progress.follow(event)
                if isinstance(event, RunStarted):
                    self._setting = terminal.Setting(event.version, event.environment, event.seed)
                elif isinstance(event, LayerFinished):
                    self._add(event.result, progress)
                elif isinstance(event, Warned):
                    self._complain(event.text, progress)
                elif isinstance(event, BugFound):
                    self.found_bug = True
                    self._complain(event.traceback, progress)
                elif isinstance(event, RunFinished):
                    return event.result
        raise RuntimeError("the run ended without RunFinished")

    def finish(self, result: RunResult) -> None:
        """Write the rest of the report; where nothing ran, say on stderr why."""
        if not self.anything_ran:
            self._explain_nothing(result)
        elif self._grows:
            write_stream(self._stdout, self._sections() + terminal.ending(result, self._style))
        else:
            write_stream(self._stdout, self._reporter.render(result, self._style))

    def _add(self, layer: LayerResult, progress: LiveProgress) -> None:
        self._held.append(layer)
        self.anything_ran |= any(each.outcome is not Outcome.SKIPPED for each in layer.results)
        if self.anything_ran and self._grows:
            with progress.paused():
                write_stream(self._stdout, self._sections())

    def _complain(self, text: str, progress: LiveProgress) -> None:
        with progress.paused():
            self._stderr.write(shown_lines(text, style_of(self._stderr).encoding) + "\n")

    def _sections(self) -> str:
        text = "".join(
            terminal.layer_section(layer, self._setting, self._style) for layer in self._held
        )
        self._held.clear()
        return text

    def _explain_nothing(self, result: RunResult) -> None:
        style = style_of(self._stderr, self._style.verbosity)
        for layer in result.layers:
            self._stderr.write(terminal.layer_section(layer, self._setting, style))
        why = "interrupted" if result.interrupted else "skipped" if result.results else "none"
        self._stderr.write(f"{_NOTHING[why]}\n")
