"""What takes a value out of the trace: named with its line, and with the usual remedy."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

from layercheck.errors import TraceError
from layercheck.frames import Frame, display_path, own_frame, source_line

_SAID: ContextVar[list[TraceError] | None] = ContextVar("said", default=None)
_WRITES = re.compile(r"\]\s*([-+*/@%&|^]|\*\*|//|<<|>>)?=(?!=)")
INTO_PLAIN = (
    "writes a traced value into an array that is not traced",
    "Make that array with np.zeros_like(x), or for another shape with "
    "np.zeros(shape, x.dtype, like=x).",
)


def broken(what: str, remedy: str) -> TraceError:
    """Return the error that says what the user's line does, and what to write instead.

    Parameters
    ----------
    what : str
        With the line as its subject: ``calls np.asarray on a traced value``.
    remedy : str
    """
    file, line, _ = own_frame(_frames()) or (None, 0, "")
    error = TraceError(what, remedy, file, line or None, _place(file, line))
    said = _SAID.get()
    if said is not None:
        said.append(error)
    return error


def taken_out(call: str, remedy: str) -> TraceError:
    """Return the error of a call that needs a plain value; a write into a plain array is one."""
    file, line, _ = own_frame(_frames()) or (None, 0, "")
    text = source_line(file, line) if file else ""
    if _WRITES.search(text) and call.split("(")[0] not in text:
        return broken(*INTO_PLAIN)
    return broken(f"takes the value out of the trace with {call}", remedy)


@contextmanager
def first_break() -> Iterator[None]:
    """Raise the first break of the block in place of what NumPy or the user made of it."""
    said: list[TraceError] = []
    token = _SAID.set(said)
    try:
        yield
    except Exception as error:
        if said and error is not said[0]:
            raise said[0] from error
        raise
    finally:
        _SAID.reset(token)


def _place(file: str | None, line: int) -> str:
    return f"{display_path(file)}:{line}" if file else ""


def _frames() -> Iterator[Frame]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back
