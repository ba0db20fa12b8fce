"""The worker's end of what it shares with its parent."""

from __future__ import annotations

import os
from collections.abc import Sequence

from layercheck.isolation.handles import send_all
from layercheck.isolation.protocol import Message, ProtocolError, Task, from_line, to_line
from layercheck.isolation.pulse import Pulse

# What a worker exits with when its pipe is no longer there: the layer closed it.
PIPE_LOST = 86


class Link:
    """Reads the task, writes messages.

    Parameters
    ----------
    tasks, results, pulse : int
        Open descriptors.
    """

    def __init__(self, tasks: int, results: int, pulse: int) -> None:
        self._tasks, self._results = tasks, results
        self._identity = _identity(results)
        self._is_copy = False
        self.pulse = Pulse(pulse)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._become_copy)

    def receive(self) -> Task:
        """Wait for the task."""
        parts = []
        while part := os.read(self._tasks, 2**16):
            parts.append(part)
        os.close(self._tasks)
        message = from_line(b"".join(parts))
        if not isinstance(message, Task):
            raise ProtocolError(f"a {type(message).__name__} is no task")
        return message

    def send(self, message: Message) -> None:
        """Write a message.

        The copy of a process that a layer forked ends here. Nothing is written to what a layer
        opened in the place of the pipe.
        """
        if self._is_copy:
            os._exit(0)
        try:
            if _identity(self._results) != self._identity:
                os._exit(PIPE_LOST)
            send_all(self._results, to_line(message))
        except OSError:
            os._exit(PIPE_LOST)

    def _become_copy(self) -> None:
        self._is_copy = True
        self.pulse.forked()
        self.pulse.detach()


def _identity(descriptor: int) -> Sequence[int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
