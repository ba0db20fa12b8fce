"""Where a layer copies from the device to the host on purpose, and waits for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from layercheck.frames import Frame, display_path, own_frame

_SEEN: ContextVar[dict[str, None] | None] = ContextVar("seen", default=None)


@contextmanager
def round_trips() -> Iterator[dict[str, None]]:
    """Collect the round trips of the block, each once: ``float() at layer.py:12``."""
    seen: dict[str, None] = {}
    token = _SEEN.set(seen)
    try:
        yield seen
    finally:
        _SEEN.reset(token)


def note_trip(what: str) -> None:
    """Remember that the layer's code waits for the device here."""
    seen = _SEEN.get()
    if seen is None:
        return
    frame = own_frame(_frames())
    if frame is not None:
        seen[f"{what} at {display_path(frame[0])}:{frame[1]}"] = None


def _frames() -> Iterator[Frame]:
    frame = sys._getframe(2)
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back  # type: ignore[assignment]
