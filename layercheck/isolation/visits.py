"""One layer of a run: started, asked, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from layercheck.baseline import Baseline
from layercheck.errors import UsageError
from layercheck.events import CheckStarted, Event
from layercheck.expectations import Ledger, require_expected
from layercheck.isolation.life import Life, Unusable
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import Started, Task
from layercheck.outcome import Evaluations, LayerResult


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
class Visit:
    """The checks of one layer.

    Parameters
    ----------
    target : Target
        What it belongs to.
    task : Task
    is_last : bool
        Whether nothing of its target comes after it, as far as is known before it starts.
    """

    target: Target
    task: Task
    is_last: bool = False
    life: Life | None = None
    started: Started | None = None
    problem: Unusable | None = None
    fatal: UsageError | None = None
    is_interrupted: bool = False
    now: str = ""
    happened: list[Event] = field(default_factory=list)
    _ledger: Ledger | None = None

    def start(self, pool: Pool) -> None:
        """Build the layer; sets `started`, or `problem`, or what no layer can do, `fatal`."""
        self.life = Life(self.task, pool)
        try:
            if pool.deadline.is_over:
                place = self.task.place
                raise Unusable(f"{place} was not checked: the time of the run was over.")
            self.started = self._begun(self.life)
        except Unusable as error:
            self.problem = error
        except UsageError as error:
            self.fatal = error

    def checks(self, baseline: Baseline) -> Iterator[Event]:
        """Ask everything, and yield what happens."""
        assert self.life is not None
        assert self.started is not None
        given = self.started
        expected = {**baseline.of(given.blank), **given.expected}
        self._ledger = Ledger(given.questions, expected, given.stop_on_first)
        try:
            for event in self._ledger.follow(self.life.stream()):
                if isinstance(event, CheckStarted):
                    self.now = event.id
                yield event
        except KeyboardInterrupt:
            self.is_interrupted = True

    def carry_out(self, pool: Pool, baseline: Baseline, when_started: Callable[[], None]) -> None:
        """Do all of it, and remember what happened."""
        try:
            self.start(pool)
        except KeyboardInterrupt:
            self.is_interrupted = True
        when_started()
        if self.started is not None:
            self.happened = list(self.checks(baseline))
        if self.life is not None:
            self.life.close()

    def take_over(self, told: Visit) -> None:
        """Become what a copy of this visit became in another process."""
        for name, value in vars(told).items():
            setattr(self, name, value)

    def let_go(self) -> None:
        """Keep what can be sent elsewhere."""
        if self.life is not None:
            self.life.let_go()

    def result(self) -> LayerResult:
        """Return the layer with its results."""
        assert self.life is not None
        assert self.started is not None
        results = tuple(self._ledger.results) if self._ledger is not None else ()
        return replace(
            self.started.blank,
            results=results,
            evaluations=sum((result.evaluations for result in results), Evaluations()),
            notes=tuple(dict.fromkeys((*self.started.blank.notes, *self.life.notes))),
        )

    def others(self) -> list[Visit]:
        """Return the visits of the other layers that its place was found to hold."""
        places = self.life.others if self.life is not None else ()
        return [
            Visit(self.target, replace(self.task, place=place, takes_all=False)) for place in places
        ]

    def _begun(self, life: Life) -> Started:
        name = self.target.configured_as
        if name is None:
            return life.start()
        try:
            started = life.start()
            if started.runs:
                require_expected(started.expected, started.known)
        except (UsageError, Unusable) as error:
            if not str(error):
                raise
            raise Unusable(UsageError(f"The configured layer {name!r}: {error}")) from error
        return started
