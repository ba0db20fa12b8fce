"""What a worker does to itself before it runs a layer."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from layercheck.memory import address_space

_FRAMEWORKS = ("torch", "jax", "tensorflow", "mxnet", "cupy")
_DEATH_OF_PARENT = 1
# Stacks of threads and the allocator's arenas are reserved and never held.
_RESERVE = 2**30


def protect(stack: int, parent: int) -> None:
    """Say where it stands when it crashes or is asked; end with its parent, and before it."""
    faulthandler.enable(stack, all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, stack, all_threads=False)
    sys.breakpointhook = _no_debugger
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if sys.platform == "linux":
        _end_with(parent)


def _no_debugger(*_: object, **__: object) -> None:
    raise RuntimeError("breakpoint() needs the process of the command: pass --in-process.")


def _end_with(parent: int) -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def limit_address_space(memory: int) -> None:
    """Make allocations beyond `memory` fail; frameworks reserve more than they use."""
    if any(name in sys.modules for name in _FRAMEWORKS):
        return
    used = address_space()
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        if used is not None:
            limit = used + memory + _RESERVE
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@contextlib.contextmanager
def own_streams() -> Iterator[None]:
    """Give a layer a stdout and stderr that it may close or replace."""
    with contextlib.redirect_stdout(_stream(1)), contextlib.redirect_stderr(_stream(2)):
        yield


class _Stream(io.TextIOWrapper):
    """A text stream that a layer cannot close: the next call prints too."""

    def close(self) -> None:
        """Stay open."""


def _stream(descriptor: int) -> _Stream:
    try:
        raw = io.FileIO(descriptor, "w", closefd=False)
    except OSError:  # the layer closed it
        raw = io.FileIO(os.open(os.devnull, os.O_WRONLY), "w")
    return _Stream(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def has_children() -> bool:
    """Whether processes that this one started are still there, running or ended."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
