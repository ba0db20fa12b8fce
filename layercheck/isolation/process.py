"""One worker process, seen from its parent: started fresh, listened to, killed."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

from layercheck.frames import Frame
from layercheck.isolation.handles import Channel, shared_options
from layercheck.isolation.protocol import LONGEST, Task, to_line
from layercheck.isolation.pulse import Beat, Pulse

_KEPT = 64 * 2**10
_CHUNK = 64 * 2**10
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerProcess:
    """A running ``python -m layercheck.worker``.

    What it writes to its own stdout and stderr is read and forgotten, but for the end.

    Parameters
    ----------
    threads : int, optional
        How many threads linear algebra may use, unless the user says it.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._tasks, self._results = Channel(), Channel()
        self._pulse_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._stack_file = tempfile.TemporaryFile()  # noqa: SIM115
        Pulse.reserve(self._pulse_file.fileno())
        self._pulse = Pulse(self._pulse_file.fileno())
        self._printed: deque[bytes] = deque()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process = self._start(threads)
        self._readers = [
            threading.Thread(target=reader, daemon=True)
            for reader in (self._read_results, self._read_printed)
        ]
        for reader in self._readers:
            reader.start()

    def _start(self, threads: int | None) -> subprocess.Popen[bytes]:
        passed = [
            self._tasks.read,
            self._results.write,
            self._pulse_file.fileno(),
            self._stack_file.fileno(),
        ]
        numbers, options = shared_options(passed)
        changed = _changed_environment() | _thread_variables(threads)
        self._environ = {name: os.environ.get(name) for name in changed}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "layercheck.worker", numbers, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | changed,
            **options,
        )
        self._tasks.close_read()
        self._results.close_write()
        return process

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it runs."""
        return self._process.poll()

    def send(self, task: Task) -> None:
        """Hand it its task; a process that has died already is found out later."""
        with contextlib.suppress(OSError):
            self._tasks.send(to_line(replace(task, environ=self._environ)))
        self._tasks.close_write()

    def line(self, timeout: float) -> bytes | None:
        """Return the next line of its results.

        Raises
        ------
        TimeoutError
            There is none yet.
        """
        try:
            return self._lines.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            raise TimeoutError from None

    def beat(self) -> Beat:
        """What it is doing."""
        return self._pulse.read()

    def stack(self, wait: float = 0.5) -> list[Frame]:
        """Return where it stands, or stood when it crashed, innermost frame first.

        A living process is asked by a signal, which works also where Python cannot run.
        """
        before = self._stack_size()
        if self.returncode is None and hasattr(signal, "SIGUSR1"):
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGUSR1)
            until = time.monotonic() + wait
            while self._stack_size() == before and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(0.01)
        else:
            before = 0
        return _frames(self._stack_text(before))

    def printed(self) -> tuple[str, ...]:
        """Return the last lines that it printed."""
        text = b"".join(self._printed).decode("utf-8", "replace")
        return tuple(text.splitlines())

    def kill(self) -> None:
        """End it and the processes that it started, and give everything back."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for reader in self._readers:
            reader.join(timeout=1)

    def close(self) -> None:
        """Give back what is left after `kill`."""
        self._tasks.close()
        if not self._readers[0].is_alive():
            self._results.close()
        if self._process.stdout and not self._readers[1].is_alive():
            self._process.stdout.close()
        self._pulse.close()
        self._pulse_file.close()
        self._stack_file.close()

    def _read_results(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(self._results.read, _CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._lines.put(line)
                if len(rest) > LONGEST:
                    break
        self._lines.put(None)

    def _read_printed(self) -> None:
        stream = self._process.stdout
        size = 0
        with contextlib.suppress(OSError, ValueError):
            while stream and (chunk := os.read(stream.fileno(), _CHUNK)):
                self._printed.append(chunk)
                size += len(chunk)
                while size - len(self._printed[0]) >= _KEPT:
                    size -= len(self._printed.popleft())

    def _stack_size(self) -> int:
        return os.fstat(self._stack_file.fileno()).st_size

    def _stack_text(self, start: int) -> str:
        self._stack_file.seek(start)
        return self._stack_file.read(_KEPT).decode("utf-8", "replace")


def _frames(text: str) -> list[Frame]:
    """Read the last block of frames that faulthandler wrote."""
    blocks: list[list[Frame]] = [[]]
    for line in text.splitlines():
        if line.startswith("  File "):
            place, _, function = line.removeprefix("  File ").rpartition(" in ")
            file, _, number = place.rpartition(", line ")
            if number.isdigit():
                blocks[-1].append((file.strip('"'), int(number), function))
        elif blocks[-1]:
            blocks.append([])
    return next((block for block in reversed(blocks) if block), [])


def _changed_environment() -> dict[str, str]:
    """What differs in the environment of a worker until it runs a layer.

    PYTHONPATH names layercheck's folder where a fresh interpreter would not find it.
    """
    home = str(Path(__file__).parents[2])
    known = [*site.getsitepackages(), site.getusersitepackages()]
    changed = {"PYTHONHASHSEED": "0"}
    if home in (*sys.path[1:], str(Path.cwd())) and home not in known:
        given = os.environ.get("PYTHONPATH")
        changed["PYTHONPATH"] = home if not given else f"{given}{os.pathsep}{home}"
    return changed


def _thread_variables(threads: int | None) -> dict[str, str]:
    """What keeps several workers from using every core each."""
    if threads is None or any(name in os.environ for name in _THREADS):
        return {}
    return dict.fromkeys(_THREADS, str(threads))
