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
_COUNT, _FORKS, _BUSY = (position * _NUMBER.size for position in range(3))
_TEXT = slice(64, 64 + 192)


@dataclass(frozen=True)
class Beat:
    """What a pulse shows.

    Parameters
    ----------
    count : int
        How often it moved.
    call : str or None
        The call that is going on.
    last : str or None
        The call that began last.
    forks : int
        How many processes were forked.
    """

    count: int = 0
    call: str | None = None
    last: str | None = None
    forks: int = 0


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
        length = _TEXT.stop - _TEXT.start
        self._memory[_TEXT] = call.encode("utf-8", "replace")[:length].ljust(length, b"\0")
        self._move(busy=1)

    def end(self) -> None:
        """Say that the call is over."""
        self._move(busy=0)

    def forked(self) -> None:
        """Say, from a process that was forked, that it is there."""
        _NUMBER.pack_into(self._memory, _FORKS, self.read().forks + 1)

    def detach(self) -> None:
        """Write to memory of its own from now on."""
        self._memory = mmap.mmap(-1, _SIZE)

    def read(self) -> Beat:
        """Return what the other process wrote last."""
        count, forks, busy = (
            _NUMBER.unpack_from(self._memory, place)[0] for place in (_COUNT, _FORKS, _BUSY)
        )
        last = self._memory[_TEXT].rstrip(b"\0").decode("utf-8", "replace") or None
        return Beat(count, last if busy else None, last, forks)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _move(self, busy: int) -> None:
        self._count += 1
        _NUMBER.pack_into(self._memory, _BUSY, busy)
        _NUMBER.pack_into(self._memory, _COUNT, self._count)
