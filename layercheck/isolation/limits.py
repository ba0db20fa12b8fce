"""How long a call and a run may take, and how much memory a process may hold."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from layercheck.errors import UsageError
from layercheck.memory import free_memory, parse_memory

_SHARE_OF_FREE = 0.9


@dataclass(frozen=True)
class Limits:
    """The limits of a run.

    Parameters
    ----------
    timeout : float
        Seconds for one call of a layer.
    time_limit : float or None
        Seconds for the run.
    memory : int or None
        Bytes that the process of a layer may hold; None: nine tenths of what is free.
    jobs : int
        Processes that share what is free.
    cluster : str or None
        The address of a Dask cluster that checks the layers.
    """

    timeout: float = 60.0
    time_limit: float | None = None
    memory: int | None = None
    jobs: int = 1
    cluster: str | None = None

    @staticmethod
    def parse(timeout: str | None, time_limit: str | None, memory: str | None) -> Limits:
        """Read the options; raises `UsageError`."""
        return Limits(
            Limits.timeout if timeout is None else parse_seconds(timeout, "--timeout"),
            None if time_limit is None else parse_seconds(time_limit, "--time-limit"),
            None if memory is None else parse_memory(memory),
        )

    def allowed_memory(self) -> int | None:
        """Return the bytes that a process may hold from now on."""
        if self.memory is not None:
            return self.memory
        free = free_memory()
        return None if free is None else int(free * _SHARE_OF_FREE / self.jobs)


def require_limits(given: Mapping[str, Any]) -> Limits:
    """Return the limits that are given as values; raises `UsageError`."""
    texts = {name: None if value is None else str(value) for name, value in given.items()}
    return Limits.parse(**texts)


@dataclass(frozen=True)
class Deadline:
    """The end of a run that began at `started`, on the monotonic clock."""

    started: float
    seconds: float | None

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.seconds is not None and time.monotonic() - self.started > self.seconds


def with_jobs(limits: Limits, text: str) -> Limits:
    """Return the limits with as many jobs as a text says; raises `UsageError`."""
    where, _, address = text.strip().partition(":")
    if where == "dask" and address:
        return replace(limits, cluster=address)
    return replace(limits, jobs=_jobs(text))


def _jobs(text: str) -> int:
    if text.strip() == "auto":
        return _cores()
    jobs = int(text) if text.strip().isascii() and text.strip().isdigit() else 0
    if jobs < 1:
        raise UsageError(
            f"--jobs {text!r} is no number of processes. Write a whole number from 1 on, "
            "auto, or dask:tcp://HOST:PORT."
        )
    return jobs


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parse_seconds(text: str, option: str) -> float:
    """Return a positive number of seconds; raises `UsageError`."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{option} {text!r} is no time. Write seconds above 0, as in {option} 60.")
    return seconds
