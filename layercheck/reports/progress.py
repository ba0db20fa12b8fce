"""What runs right now, on a terminal only, and gone at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from layercheck.events import (
    CheckFinished,
    CheckStarted,
    Event,
    LayerFinished,
    LayerStarted,
    Progressed,
    RunStarted,
)
from layercheck.reports.escaping import shown


class LiveProgress:
    """One line that follows the events of a run.

    Parameters
    ----------
    stream : text stream
        Nothing is written where it is no terminal.
    quiet : bool
        Write nothing at all.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._encoding = getattr(stream, "encoding", None) or "ascii"
        console = Console(file=stream, highlight=False)
        self._progress = Progress(
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=quiet or not console.is_terminal or console.is_dumb_terminal,
        )
        self._task = self._progress.add_task("", total=None, visible=False)
        self._layer = ""
        self._layers = self._finished = 0
        self._several = False
        self._began = time.monotonic()
        self._done: set[str] = set()

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the line away while something else is written to the same terminal."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def follow(self, event: Event) -> None:
        """Show what an event says."""
        if isinstance(event, Progressed):
            self._show_several(event)
        elif isinstance(event, RunStarted):
            self._layers = event.layers
        elif isinstance(event, LayerFinished):
            self._finished += 1
        elif not self._several:
            self._show_one(event)

    def _show_several(self, event: Progressed) -> None:
        """Show layers that are checked at the same time."""
        self._several = True
        running = ", ".join(shown(each, self._encoding) for each in event.running)
        self._progress.update(
            self._task,
            description=f"{running}{self._left(event.done, event.layers)}",
            completed=event.done,
            total=event.layers,
            visible=True,
        )

    def _show_one(self, event: Event) -> None:
        """Show the check that runs."""
        if isinstance(event, LayerStarted):
            self._layer = shown(event.name, self._encoding)
            self._done.clear()
            self._progress.reset(self._task, total=event.checks, visible=True)
        elif isinstance(event, CheckStarted):
            count = f"{self._finished + 1}/{self._layers}" if self._layers > 1 else ""
            left = self._left(self._finished, self._layers)
            parts = (count, self._layer, event.id, event.dtype)
            text = " ".join(shown(part, self._encoding) for part in parts if part)
            self._progress.update(self._task, description=text + left)
        elif isinstance(event, CheckFinished):
            self._done.add(event.result.id)
            self._progress.update(self._task, completed=len(self._done))

    def _left(self, done: int, layers: int) -> str:
        """Return an estimate of the time that is left, once a layer is done."""
        if not 0 < done < layers:
            return ""
        seconds = (time.monotonic() - self._began) / done * (layers - done)
        return f" (about {seconds:.0f} s left)" if seconds >= 1 else ""
