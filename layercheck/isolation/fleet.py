"""Several layers at the same time, told in order."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from layercheck.baseline import Baseline
from layercheck.events import Progressed
from layercheck.isolation.limits import Limits
from layercheck.isolation.pool import Pool
from layercheck.isolation.visits import Target, Visit

_LOOK = 0.1


class Slot(Protocol):
    """Carries out one visit at a time: a pool of processes here, or a place on a cluster."""

    limits: Limits

    def carry_out(
        self, visit: Visit, baseline: Baseline, when_started: Callable[[], None], more: bool
    ) -> None:
        """Do all of a visit; `more` says that others wait."""

    def stop(self) -> None:
        """Go on as after Ctrl-C."""

    def close(self) -> None:
        """Give back what it holds."""


class PoolSlot:
    """A pool of processes on this machine.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.limits = pool.limits

    def carry_out(
        self, visit: Visit, baseline: Baseline, when_started: Callable[[], None], more: bool
    ) -> None:
        """Do all of a visit; the next process starts meanwhile where others wait."""

        def started() -> None:
            when_started()
            if more:
                self.pool.warm_up()

        visit.carry_out(self.pool, baseline, started)

    def stop(self) -> None:
        """Go on as after Ctrl-C."""
        self.pool.stop()

    def close(self) -> None:
        """End its processes."""
        self.pool.close()


@dataclass
class Fleet:
    """Visits carried out by as many threads as there are slots.

    Parameters
    ----------
    targets : sequence of Target
    slots : sequence of Slot
        Each carries out one visit at a time.
    baseline : Baseline
    """

    targets: Sequence[Target]
    slots: Sequence[Slot]
    baseline: Baseline
    _told: deque[Visit | Target] = field(default_factory=deque)
    _waiting: deque[Visit] = field(default_factory=deque)
    _running: dict[int, Visit] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)
    _count: int = 0
    _news: queue.SimpleQueue[tuple[str, Visit | None, BaseException | None]] = field(
        default_factory=queue.SimpleQueue
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def visits(self) -> Iterator[Visit | Target | Progressed]:
        """Yield visits that are over, in order, a target after its last, and what goes on."""
        for target in self.targets:
            added = [Visit(target, task) for task in target.tasks]
            self._told.extend([*added, target])
            self._waiting.extend(added)
        self._count = len(self._waiting)
        threads = [
            threading.Thread(target=self._work, args=(slot,), daemon=True) for slot in self.slots
        ]
        for thread in threads:
            thread.start()
        try:
            yield from self._followed(threads)
        except KeyboardInterrupt:
            self._stop(threads)
            yield from self._rest()
        finally:
            self._stop(threads)

    def _followed(
        self, threads: Sequence[threading.Thread]
    ) -> Iterator[Visit | Target | Progressed]:
        while self._told:
            head = self._told[0]
            if isinstance(head, Target) or id(head) in self._done:
                yield self._told.popleft()
                continue
            try:
                self._hear(*self._news.get(timeout=_LOOK))
            except queue.Empty:
                if not any(thread.is_alive() for thread in threads):
                    raise RuntimeError("the threads that check layers are gone") from None
            yield self._progress()

    def _hear(self, what: str, visit: Visit | None, error: BaseException | None) -> None:
        if error is not None:
            raise error
        assert visit is not None
        if what == "done":
            self._done.add(id(visit))
        else:
            self._insert(visit)

    def _insert(self, visit: Visit) -> None:
        """Add the other layers of a file right after it, and before what comes later."""
        others = visit.others()
        if others and not self._stopped:
            at = next(i for i, each in enumerate(self._told) if each is visit)
            for offset, other in enumerate(others, 1):
                self._told.insert(at + offset, other)
            with self._lock:
                self._waiting.extendleft(reversed(others))
                self._count += len(others)

    def _progress(self) -> Progressed:
        with self._lock:
            running = tuple(self._running.values())
        shown = [f"{_name(visit)} {visit.now}".strip() for visit in running]
        return Progressed(len(self._done), self._count, tuple(shown))

    def _work(self, slot: Slot) -> None:
        try:
            while (visit := self._next()) is not None:
                more = len(self._waiting) >= len(self.slots)
                slot.carry_out(visit, self.baseline, partial(self._started, visit), more)
                self._news.put(("done", visit, None))
                with self._lock:
                    self._running.pop(id(visit), None)
        except BaseException as error:
            self._news.put(("error", None, error))

    def _started(self, visit: Visit) -> None:
        """Let other threads carry out what else a file was found to hold."""
        self._news.put(("others", visit, None))

    def _next(self) -> Visit | None:
        """Return the next visit; wait while one that runs may find others."""
        while not self._stopped:
            with self._lock:
                if self._waiting:
                    visit = self._waiting.popleft()
                    self._running[id(visit)] = visit
                    return visit
                if not self._running:
                    return None
            time.sleep(_LOOK / 2)
        return None

    def _stop(self, threads: Sequence[threading.Thread]) -> None:
        self._stopped = True
        for slot in self.slots:
            slot.stop()
        for thread in threads:
            thread.join(timeout=15)
        for slot in self.slots:
            slot.close()

    def _rest(self) -> Iterator[Visit]:
        """What was started and is not told yet."""
        for each in self._told:
            if isinstance(each, Visit) and (each.started is not None or id(each) in self._done):
                each.is_interrupted = True
                yield each


def _name(visit: Visit) -> str:
    if visit.started is not None:
        return visit.started.event.name
    return visit.task.place
