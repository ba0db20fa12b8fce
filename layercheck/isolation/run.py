"""A run in which every layer has a process of its own, as the events of a run in this process."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from layercheck.baseline import Baseline
from layercheck.errors import UsageError
from layercheck.events import (
    BugFound,
    Event,
    LayerFinished,
    Progressed,
    RunFinished,
    RunStarted,
    Warned,
)
from layercheck.expectations import require_expected
from layercheck.isolation.fleet import Fleet, Slot
from layercheck.isolation.life import Life, Unusable
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import Arguments, Ready, Started
from layercheck.isolation.visits import Target, Visit
from layercheck.outcome import LayerResult, RunResult
from layercheck.targets import nothing_in

__all__ = ["IsolatedRun", "Target"]


@dataclass
class IsolatedRun:
    """A whole run.

    Parameters
    ----------
    targets : sequence of Target
    slots : sequence of Slot, or one Pool
        As many layers are checked at the same time; with a pool one after another.
    baseline : Baseline
        Failures that are accepted.
    """

    targets: Sequence[Target]
    slots: Sequence[Slot] | Pool
    baseline: Baseline = field(default_factory=Baseline)
    interrupted: bool = False
    layers: list[LayerResult] = field(default_factory=list)
    _ready: Ready | None = None
    _first: Started | None = None
    _places: int = 0
    _problems: list[object] = field(default_factory=list)
    _seen: set[tuple[str, Arguments | None]] = field(default_factory=set)

    def events(self) -> Iterator[Event]:
        """Yield what happens. The last event is `RunFinished`, also after Ctrl-C.

        Raises
        ------
        UsageError
            An option cannot be carried out, or no target can be loaded.
        """
        began = time.perf_counter()
        try:
            if isinstance(self.slots, Pool):
                yield from self._one_by_one(self.slots)
            else:
                yield from self._at_the_same_time(self.slots)
        except KeyboardInterrupt:
            if self._first is None:
                raise
            self.interrupted = True
        finally:
            self.close()
        if self._first is None or self._ready is None:
            if self.interrupted:
                raise KeyboardInterrupt
            raise self._nothing()
        yield RunFinished(
            RunResult(
                version=self._ready.version,
                command=self._first.command,
                seed=self._first.seed,
                environment=self._ready.environment,
                layers=tuple(self.layers),
                elapsed_s=time.perf_counter() - began,
                interrupted=self.interrupted,
            )
        )

    def _nothing(self) -> UsageError:
        """Return the error of a run in which no layer could be checked."""
        if len(self._problems) == 1 and isinstance(self._problems[0], UsageError):
            return self._problems[0]
        return UsageError("\n".join(map(str, self._problems)))

    def close(self) -> None:
        """End the processes that are left."""
        for slot in [self.slots] if isinstance(self.slots, Pool) else self.slots:
            slot.close()

    def _one_by_one(self, pool: Pool) -> Iterator[Event]:
        for target in self.targets:
            before = self._places
            visits = [Visit(target, task) for task in target.tasks]
            while visits and not self.interrupted:
                visit = visits.pop(0)
                visit.start(pool)
                visits[:0] = visit.others()
                if (visits or target is not self.targets[-1]) and (os.cpu_count() or 1) > 1:
                    pool.warm_up()
                yield from self._told(visit, visit.checks(self.baseline))
            yield from self._end(target, before)
            if self.interrupted:
                return

    def _at_the_same_time(self, slots: Sequence[Slot]) -> Iterator[Event]:
        before = 0
        for each in Fleet(self.targets, slots, self.baseline).visits():
            if isinstance(each, Progressed):
                yield each
            elif isinstance(each, Target):
                yield from self._end(each, before)
                before = self._places
            else:
                yield from self._told(each, iter(each.happened))

    def _end(self, target: Target, before: int) -> Iterator[Event]:
        """All of a target was told: say what is wrong with it as a whole."""
        if target.problem is not None:
            yield from self._unusable("", target.problem)
        elif self._places == before and not self.interrupted:
            yield from self._unusable("", nothing_in(target.text))

    def _told(self, visit: Visit, checks: Iterator[Event]) -> Iterator[Event]:
        """Tell of one layer; `checks` is what happens, or happened."""
        if visit.fatal is not None:
            raise visit.fatal
        self.interrupted = self.interrupted or visit.is_interrupted
        life, started = visit.life, visit.started
        if life is None or (started is None and visit.problem is None):
            return
        if started is None:
            assert visit.problem is not None
            yield from self._warnings(life)
            if str(visit.problem):
                yield from self._unusable(
                    life.task.place if life.is_imported else "", visit.problem
                )
            yield from map(BugFound, life.bugs)
            return
        self._places += 1
        name = visit.target.configured_as
        key = (started.blank.target, life.task.arguments if name is not None else None)
        if key in self._seen:
            return
        self._seen.add(key)
        yield from self._warnings(life)
        if self._first is None:
            if started.expected and name is None:
                self._require_expected(visit, started)
            yield from self._begin(life, started)
        yield started.event
        yield from checks
        self.interrupted = self.interrupted or visit.is_interrupted
        yield self._finished(visit.result())
        yield from map(BugFound, life.bugs)

    def _begin(self, life: Life, started: Started) -> Iterator[Event]:
        """The first layer that can be checked: the run begins, with what could not be before it."""
        assert life.ready is not None
        self._first = started
        count = sum(len(target.tasks) for target in self.targets)
        yield RunStarted(life.ready.version, life.ready.environment, started.seed, count)
        yield from map(LayerFinished, self.layers)

    def _require_expected(self, visit: Visit, started: Started) -> None:
        """Ask every layer for its checks, where an expected failure may name that of any."""
        tasks = [task for target in self.targets for task in target.tasks][1:]
        tasks += [other.task for other in visit.others()]
        known, all_run = set(started.known), started.runs
        limits = (self.slots if isinstance(self.slots, Pool) else self.slots[0]).limits
        with contextlib.closing(Pool(limits)) as pool:
            for task in tasks:
                other = Life(replace(task, survey=True), pool)
                try:
                    found = other.start()
                except Unusable:
                    continue
                tasks += [replace(task, place=place, takes_all=False) for place in other.others]
                known |= set(found.known)
                all_run = all_run and found.runs
        if all_run:
            require_expected(started.expected, known)

    def _warnings(self, life: Life) -> Iterator[Event]:
        if self._ready is None and life.ready is not None:
            self._ready = life.ready
            yield from map(Warned, life.ready.warnings)

    def _unusable(self, place: str, error: Exception) -> Iterator[Event]:
        self._places += 1
        self._problems.append(error.args[0] if isinstance(error, Unusable) else error)
        layer = LayerResult(place, place.rpartition(":")[2], problem=str(error))
        if self._first is None:
            self.layers.append(layer)
        else:
            yield self._finished(layer)

    def _finished(self, layer: LayerResult) -> LayerFinished:
        self.layers.append(layer)
        return LayerFinished(layer)
