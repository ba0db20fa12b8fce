"""Why a worker ended before its work was done, in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from layercheck.frames import Frame, display_path, own_frame
from layercheck.memory import shown_memory

_MEANS = {
    "SIGSEGV": "a segmentation fault",
    "SIGABRT": "an abort",
    "SIGBUS": "a bus error",
    "SIGFPE": "an arithmetic error",
    "SIGILL": "an illegal instruction",
    "SIGKILL": "perhaps sent by the system because memory ran out",
    "SIGALRM": "an alarm that nobody handled",
}
_ON_WINDOWS = {
    0xC0000005: "an access violation",
    0xC00000FD: "a stack overflow",
    0xC0000409: "a stack that was overwritten",
}
_SHOWN_LINES = 5
_SHOWN_LETTERS = 400


@dataclass(frozen=True)
class Death:
    """The end of a worker.

    Parameters
    ----------
    kind : {"crash", "hang", "memory", "time limit"}
    call : str or None
        The call of the layer that was going on.
    text : str
        What happened, one sentence.
    printed : tuple of str
        The last lines that the layer printed.
    """

    kind: Literal["crash", "hang", "memory", "time limit"]
    call: str | None
    text: str
    printed: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The last output, where it may help."""
        lines = [line.rstrip()[-_SHOWN_LETTERS:] for line in self.printed if line.strip()]
        return tuple(f"it last printed: {line}" for line in lines[-_SHOWN_LINES:])


def crash(returncode: int, call: str | None, stack: list[Frame], printed: tuple[str, ...]) -> Death:
    """Return the death of a process that ended by itself."""
    how = _how(returncode)
    return Death("crash", call, f"{_who(call)} ended the process with {how}{_at(stack)}.", printed)


def closed(last: str | None) -> Death:
    """Return the death of a process that can no longer say anything."""
    what = "closed file descriptors that it had not opened, or wrote to them"
    return Death("crash", last, f"{_who(last)} {what}.")


def hang(seconds: float, call: str | None, stack: list[Frame], printed: tuple[str, ...]) -> Death:
    """Return the death of a process in which one call took too long."""
    what = f"did not return within {seconds:g} s (--timeout)"
    return Death("hang", call, f"{_who(call)} {what}{_at(stack)}.", printed)


def too_large(used: int, limit: int, call: str | None, stack: list[Frame], *, given: bool) -> Death:
    """Return the death of a process that used too much memory."""
    allowed = (
        f"more than --memory allows ({shown_memory(limit)})"
        if given
        else "nearly all that was free (--memory sets another limit)"
    )
    what = f"made the process hold {shown_memory(used)}, {allowed}"
    return Death("memory", call, f"{_who(call)} {what}{_at(stack)}.")


def out_of_time(seconds: float, call: str | None) -> Death:
    """Return the death of a process when the run's time was over."""
    where = f" during {call}" if call else ""
    text = f"The time of the run was over{where}, after {seconds:g} s (--time-limit)."
    return Death("time limit", call, text)


def _who(call: str | None) -> str:
    if call is None:
        return "Code of the layer outside its passes"
    return call.replace("the ", "The ", 1) if call.startswith("the ") else call


def _how(returncode: int) -> str:
    if returncode >= 0:
        windows = _ON_WINDOWS.get(returncode)
        return windows or f"exit code {returncode}, without an exception"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
    return f"{name}, {_MEANS[name]}" if name in _MEANS else name


def _at(stack: list[Frame]) -> str:
    frame = own_frame(stack)
    return f" ({display_path(frame[0])}:{frame[1]})" if frame else ""
