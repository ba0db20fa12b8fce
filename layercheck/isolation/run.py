"""A run in which every layer has a process of its own, as the events of a run in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from layercheck.errors import UsageError
from layercheck.events import BugFound, Event, LayerFinished, RunFinished, RunStarted, Warned
from layercheck.expectations import Ledger, require_expected
from layercheck.isolation.life import Life, Unusable
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import Arguments, Ready, Started, Task
from layercheck.outcome import Evaluations, LayerResult, RunResult
from layercheck.targets import nothing_in


@dataclass(frozen=True)
class Target:
    """One target: a task for each file or module that it means, or why it means none.

    What is wrong with the options of a configured layer, one with a name, concerns it alone.
    """

    text: str
    tasks: tuple[Task, ...] = ()
    problem: UsageError | None = None
    configured_as: str | None = None


@dataclass
class IsolatedRun:
    """A whole run.

    Parameters
    ----------
    targets : sequence of Target
    pool : Pool
    """

    targets: Sequence[Target]
    pool: Pool
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
            for target in self.targets:
                yield from self._target(target)
        except KeyboardInterrupt:
            if self._first is None:
                raise
            self.interrupted = True
        finally:
            self.pool.close()
        if self._first is None or self._ready is None:
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
        self.pool.close()

    def _target(self, target: Target) -> Iterator[Event]:
        before = self._places
        if target.problem is not None:
            yield from self._unusable("", target.problem)
        tasks = list(target.tasks)
        while tasks and not self.interrupted:
            task = tasks.pop(0)
            life = Life(task, self.pool)
            more = bool(tasks) or target is not self.targets[-1]
            yield from self._layer(life, target.configured_as, more=more)
            tasks[:0] = [replace(task, place=place, takes_all=False) for place in life.others]
        if self._places == before:
            yield from self._unusable("", nothing_in(target.text))

    def _layer(self, life: Life, name: str | None, *, more: bool) -> Iterator[Event]:
        try:
            if self.pool.deadline.is_over:
                raise Unusable(f"{life.task.place} was not checked: the time of the run was over.")
            started = life.start() if name is None else _configured(life, name)
        except Unusable as error:
            yield from self._warnings(life)
            if str(error):
                yield from self._unusable(life.task.place if life.is_imported else "", error)
            yield from map(BugFound, life.bugs)
            return
        self._places += 1
        key = (started.blank.target, life.task.arguments if name is not None else None)
        if key in self._seen:
            return
        self._seen.add(key)
        yield from self._warnings(life)
        if self._first is None:
            if started.expected and name is None:
                self._require_expected(life, started)
            yield from self._begin(life, started)
        if (more or life.others) and (os.cpu_count() or 1) > 1:
            self.pool.warm_up()
        yield started.event
        ledger = Ledger(started.questions, started.expected, started.stop_on_first)
        try:
            yield from ledger.follow(life.stream())
        except KeyboardInterrupt:
            self.interrupted = True
        yield self._finished(_result(life, started, ledger))
        yield from map(BugFound, life.bugs)

    def _begin(self, life: Life, started: Started) -> Iterator[Event]:
        """The first layer that can be checked: the run begins, with what could not be before it."""
        assert life.ready is not None
        self._first = started
        count = sum(len(target.tasks) for target in self.targets)
        yield RunStarted(life.ready.version, life.ready.environment, started.seed, count)
        yield from map(LayerFinished, self.layers)

    def _require_expected(self, life: Life, started: Started) -> None:
        """Ask every layer for its checks, where an expected failure may name that of any."""
        tasks = [task for target in self.targets for task in target.tasks][1:]
        tasks += [replace(life.task, place=place) for place in life.others]
        known, all_run = set(started.known), started.runs
        for task in tasks:
            other = Life(replace(task, survey=True), self.pool)
            try:
                found = other.start()
            except Unusable:
                continue
            tasks += [replace(task, place=place, takes_all=False) for place in other.others]
            known |= set(found.known)
            all_run = all_run and found.runs
        if all_run:
            require_expected(started.expected, known)
        if tasks:
            life.start()

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


def _configured(life: Life, name: str) -> Started:
    """Start a layer that has options of its own; whatever is wrong with them is its problem."""
    try:
        started = life.start()
        if started.runs:
            require_expected(started.expected, started.known)
    except (UsageError, Unusable) as error:
        if not str(error):
            raise
        raise Unusable(UsageError(f"The configured layer {name!r}: {error}")) from error
    return started


def _result(life: Life, started: Started, ledger: Ledger) -> LayerResult:
    results = tuple(ledger.results)
    return replace(
        started.blank,
        results=results,
        evaluations=sum((result.evaluations for result in results), Evaluations()),
        notes=tuple(dict.fromkeys((*started.blank.notes, *life.notes))),
    )
