"""Commands that heed Ctrl-C, also where a shell makes those in the background ignore it."""

from __future__ import annotations

import sys

_SCRIPT = (
    "import os, signal, sys; "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


def heeding(python, *words):
    """Return the command, of `python` with `words`, as one that SIGINT interrupts."""
    assert python == sys.executable
    return [python, "-c", _SCRIPT, *words]
