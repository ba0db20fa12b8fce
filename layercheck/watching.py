"""What is watched while a layer is called: what it changes, what it warns of, how long it takes."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from layercheck.errors import CallUnavailable, LayerError, describe
from layercheck.frames import display_path, is_installed
from layercheck.surroundings import Surroundings

_HIDDEN = (PendingDeprecationWarning, ImportWarning, ResourceWarning)
_OF_OTHERS = (DeprecationWarning, FutureWarning)  # meant for whoever wrote the line
_SHOWN = 200


class PulseLike(Protocol):
    """Where others see which call is going on."""

    def begin(self, call: str) -> None:
        """Say that a call begins."""

    def end(self) -> None:
        """Say that it is over."""


class Watch:
    """Watches the calls of one layer.

    Parameters
    ----------
    pulse : PulseLike or None
    refused : mapping, call -> reason
        Calls that are not made.
    takes_interrupts : bool
        A KeyboardInterrupt can only be the layer's own.

    Attributes
    ----------
    building : bool
        The layer is being understood: a refused call is then like one that raises.
    keeps : bool
        What a call changes stays: a constructor may set up what the passes need.
    """

    def __init__(
        self,
        pulse: PulseLike | None = None,
        refused: Mapping[str, str] | None = None,
        *,
        takes_interrupts: bool = False,
    ) -> None:
        self.takes_interrupts = takes_interrupts
        self.building = False
        self.keeps = False
        self._pulse = pulse
        self._refused = refused or {}
        self._notes: dict[str, None] = {}
        self._heard: set[str] = set()
        self._surroundings = Surroundings()
        self._threads = 0
        self._depth = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was seen, each once."""
        return tuple(self._notes)

    def note(self, text: str) -> None:
        """Add to the notes."""
        self._notes[text] = None

    @contextmanager
    def over(self, call: str) -> Iterator[None]:
        """Watch one call; calls inside it are part of it."""
        if self._depth:
            yield
            return
        self._require_allowed(call)
        self._depth = 1
        if self._pulse is not None:
            self._pulse.begin(call)
        self._surroundings.look()
        self._threads = threading.active_count()
        process = os.getpid()
        try:
            with self._listening(call):
                yield
        finally:
            if os.getpid() != process:
                os._exit(0)  # a copy of this process, forked by the layer
            self._look(call)
            if self._pulse is not None:
                self._pulse.end()
            self._depth = 0

    def _require_allowed(self, call: str) -> None:
        reason = self._refused.get(call)
        if reason is None:
            return
        unavailable = CallUnavailable(reason)
        if self.building:
            raise LayerError(call, unavailable)
        raise unavailable

    @contextmanager
    def _listening(self, call: str) -> Iterator[None]:
        """Keep warnings silent; note those of the first call of each name."""
        with warnings.catch_warnings():
            if call in self._heard:
                warnings.simplefilter("ignore")
                yield
                return
            self._heard.add(call)
            warnings.simplefilter("always")
            for category in _HIDDEN:
                warnings.simplefilter("ignore", category)
            warnings.showwarning = self._warned
            yield

    def _warned(
        self, message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
    ) -> None:
        if issubclass(category, _OF_OTHERS) and is_installed(filename):
            return
        error = message if isinstance(message, Warning) else category(message)
        text = " ".join(describe(error).split())[:_SHOWN]
        self.note(f"it warns: {text} ({display_path(filename)}:{lineno})")

    def _look(self, call: str) -> None:
        """Put back what the call changed, and note it."""
        if self.keeps:
            self._surroundings = Surroundings()
        else:
            for what in self._surroundings.put_back():
                self.note(f"{call} changes {what}; it was put back after the call")
        if threading.active_count() > self._threads:
            self.note(f"{call} leaves threads running")
