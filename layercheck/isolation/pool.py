"""Worker processes, one after another: the next one starts while the last one works."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from layercheck.errors import UsageError
from layercheck.frames import own_frame
from layercheck.isolation import deaths
from layercheck.isolation.deaths import Death
from layercheck.isolation.limits import Deadline, Limits
from layercheck.isolation.link import PIPE_LOST
from layercheck.isolation.process import WorkerProcess
from layercheck.isolation.protocol import Message, ProtocolError, Ready, Task, from_line
from layercheck.isolation.pulse import Beat
from layercheck.memory import resident_memory

_TICK = 0.05
_START_UP = 120.0


class Pool:
    """Starts workers and watches the one that works.

    Parameters
    ----------
    limits : Limits
    threads : int, optional
        How many threads NumPy's linear algebra may use in a worker; None: as the user says.
    """

    def __init__(self, limits: Limits, threads: int | None = None) -> None:
        self.limits = limits
        self.deadline = Deadline(time.monotonic(), limits.time_limit)
        self._threads = threads
        self._stop = threading.Event()
        self._spare: WorkerProcess | None = None
        self._current: WorkerProcess | None = None

    def __reduce__(self) -> tuple[type, tuple[Limits, int | None]]:
        return Pool, (self.limits, self._threads)  # processes stay where they are

    def warm_up(self) -> None:
        """Start a process that will be needed, so that it is ready when it is."""
        if self._spare is None:
            self._spare = self._started()

    def run(self, task: Task) -> Iterator[Message | Death]:
        """Yield the messages of a fresh worker; where it dies before it is done, its death."""
        self.end()
        self._current, self._spare = self._spare or self._started(), None
        self._current.send(task)
        return _Watch(self._current, self.limits, self.deadline, self._stop).messages()

    def stop(self) -> None:
        """Let the thread that uses the pool go on as after Ctrl-C."""
        self._stop.set()

    def _started(self) -> WorkerProcess:
        try:
            return WorkerProcess(self._threads)
        except (OSError, ValueError, TypeError) as error:
            raise _no_process(str(error)) from error

    def end(self) -> None:
        """End the process that works."""
        if self._current is not None:
            self._current.kill()
            self._current.close()
            self._current = None

    def close(self) -> None:
        """End all processes."""
        self.end()
        self._current, self._spare = self._spare, None
        self.end()


def _no_process(why: str) -> UsageError:
    return UsageError(
        f"No process of its own could be started for the layer: {why}. "
        "Pass --in-process to check it in this one."
    )


@dataclass
class _Watch:
    """Listens to one worker and ends it where it goes beyond a limit."""

    worker: WorkerProcess
    limits: Limits
    deadline: Deadline
    stop: threading.Event
    started: float = field(default_factory=time.monotonic)
    last: Beat = field(default_factory=Beat)
    since: float = field(default_factory=time.monotonic)
    sampled: float = 0.0
    is_ready: bool = False
    memory: int | None = None

    def messages(self) -> Iterator[Message | Death]:
        """Yield messages, and the death where there is one."""
        self.memory = self.limits.allowed_memory()
        tick = min(_TICK, self.limits.timeout / 4)
        looked = time.monotonic()
        while True:
            if self.stop.is_set():
                raise KeyboardInterrupt
            line = self._line(tick)
            if line is None:
                yield self._ended()
                return
            if line:
                try:
                    message = from_line(line)
                except ProtocolError:
                    yield self._not_understood()
                    return
                self.is_ready = self.is_ready or isinstance(message, Ready)
                yield message
            if time.monotonic() - looked >= tick:
                death = self._beyond_limit()
                if death is not None:
                    self.worker.kill()
                    yield death
                    return
                looked = time.monotonic()

    def _line(self, tick: float) -> bytes | None:
        """Return the next line, empty where there is none yet, None where there will be none."""
        with contextlib.suppress(TimeoutError):
            return self.worker.line(tick)
        if self.worker.returncode is None:
            return b""
        with contextlib.suppress(TimeoutError):
            return self.worker.line(1.0)
        return None

    def _ended(self) -> Death:
        """The worker closed its pipe without being done."""
        if not self.is_ready:
            self.worker.kill()
            raise _no_process(" ".join(self.worker.printed()[-1:]) or "it ended at once")
        until = time.monotonic() + 0.5
        while self.worker.returncode is None and time.monotonic() < until:
            time.sleep(0.005)
        if self.worker.returncode is None:
            return self._not_understood()
        code, stack, call = self.worker.returncode, self.worker.stack(), self.worker.beat().call
        if code == PIPE_LOST:
            return self._not_understood()
        self.worker.kill()
        return deaths.crash(code, call, stack, self.worker.printed())

    def _not_understood(self) -> Death:
        last = self.worker.beat().last
        self.worker.kill()
        return deaths.closed(last)

    def _beyond_limit(self) -> Death | None:
        now, beat = time.monotonic(), self.worker.beat()
        if beat.count != self.last.count:
            self.last, self.since, self.sampled = beat, now, now
        if self.deadline.is_over:
            return deaths.out_of_time(self.deadline.seconds or 0.0, beat.call)
        if not self.is_ready:
            if now - self.started > _START_UP:
                self.worker.kill()
                raise _no_process(f"it was not ready after {_START_UP:g} s")
            return None
        return self._too_large(beat) or self._too_long(beat, now)

    def _too_large(self, beat: Beat) -> Death | None:
        used = resident_memory(self.worker.pid) if self.memory is not None else None
        if used is None or self.memory is None or used <= self.memory:
            return None
        given = self.limits.memory is not None
        return deaths.too_large(used, self.memory, beat.call, self.worker.stack(), given=given)

    def _too_long(self, beat: Beat, now: float) -> Death | None:
        """A call of the layer has no more time; outside calls, code of the layer has none."""
        timeout = self.limits.timeout
        if now - self.since <= timeout:
            return None
        if beat.call is not None:
            stack, printed = self.worker.stack(), self.worker.printed()
            return deaths.hang(timeout, beat.call, stack, printed)
        if now - self.sampled <= timeout:
            return None
        self.sampled = now
        stack = self.worker.stack()
        if own_frame(stack) is None and os.name != "nt":
            return None  # a long computation of layercheck's own
        return deaths.hang(timeout, None, stack, self.worker.printed())
