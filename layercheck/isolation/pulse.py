"""What a worker is doing right now, in memory that it shares with its parent.

Writing there costs no system call, and what was written outlives the worker.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass

_SIZE = 4096
_NUMBER = struct.Struct("<Q")
_COUNT, _FORKS = 0, _NUMBER.size
_TEXT = slice(64, 64 + 192)


@dataclass(frozen=True)
class Beat:
    """What a pulse shows: how often it moved, the call that is going on, processes forked."""

    count: int
    call: str | None
    forks: int


class Pulse:
    """The shared memory behind an open file that `reserve` made large enough.

    Parameters
    ----------
    descriptor : int
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._count = 0

    @staticmethod
    def reserve(descriptor: int) -> None:
        """Give an empty file the size that is needed."""
        os.truncate(descriptor, _SIZE)

    def begin(self, call: str) -> None:
        """Say that a call begins."""
        self._show(call)

    def end(self) -> None:
        """Say that the call is over."""
        self._show("")

    def forked(self) -> None:
        """Say, from a process that was forked, that it is there."""
        _NUMBER.pack_into(self._memory, _FORKS, self.read().forks + 1)

    def read(self) -> Beat:
        """Return what the other process wrote last."""
        (count,) = _NUMBER.unpack_from(self._memory, _COUNT)
        (forks,) = _NUMBER.unpack_from(self._memory, _FORKS)
        call = self._memory[_TEXT].rstrip(b"\0").decode("utf-8", "replace")
        return Beat(count, call or None, forks)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _show(self, call: str) -> None:
        length = _TEXT.stop - _TEXT.start
        self._memory[_TEXT] = call.encode("utf-8", "replace")[:length].ljust(length, b"\0")
        self._count += 1
        _NUMBER.pack_into(self._memory, _COUNT, self._count)
