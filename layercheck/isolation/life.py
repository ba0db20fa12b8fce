"""One layer, over as many processes as it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from layercheck import errors
from layercheck.errors import UsageError
from layercheck.events import CheckStarted
from layercheck.isolation.deaths import Death
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import (
    Answered,
    Asked,
    Bug,
    Done,
    Found,
    Message,
    Noted,
    Ready,
    Refused,
    Started,
    Task,
)
from layercheck.outcome import Outcome, Question, Result

_MOST_BUILDS = 6
_MOST_DEATHS = 2
_MOST_DEATHS_OUTSIDE = 3


class Unusable(Exception):
    """The layer cannot be checked at all; the message says why, empty where there is no layer.

    Its argument is the text, or the error that says it.
    """


@dataclass
class Life:
    """What is known of a layer that worker processes check, one after another.

    Parameters
    ----------
    task : Task
    pool : Pool
    """

    task: Task
    pool: Pool
    ready: Ready | None = None
    others: tuple[str, ...] = ()
    started: Started | None = None
    notes: dict[str, None] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)
    out_of_time: Death | None = None
    _messages: Iterator[Message | Death] = field(default_factory=lambda: iter(()))
    is_imported: bool = False
    _deaths: Counter[str] = field(default_factory=Counter)

    def start(self) -> Started:
        """Import and build the layer.

        Raises
        ------
        UsageError
            The command cannot be carried out for any layer.
        Unusable
            This layer cannot be checked.
        """
        self._begin()
        assert self.started is not None
        return self.started

    def stream(self) -> Iterator[CheckStarted | Result]:
        """Yield every question as it is asked, and its raw result; restart after deaths."""
        assert self.started is not None
        idle = 0
        while True:
            death = None
            before = len(self.task.settled)
            for item in self._asked():
                if isinstance(item, Death):
                    death = item
                else:
                    yield item
            left = self._left()
            if death is None or not left:
                return
            idle = 0 if len(self.task.settled) > before else idle + 1
            is_enough = idle >= _MOST_DEATHS or self._deaths[""] >= _MOST_DEATHS_OUTSIDE
            reason = death.text if self.out_of_time or is_enough else self._restart()
            if reason is not None:
                yield from self._give_up(left, reason)
                return

    def close(self) -> None:
        """End its process."""
        self.pool.end()

    def let_go(self) -> None:
        """Forget the messages of its process, so that the rest can be sent elsewhere."""
        self._messages = iter(())

    def _begin(self) -> None:
        """Start processes until one has built the layer."""
        reason = ""
        for _ in range(_MOST_BUILDS):
            self.is_imported = False
            death = self._build()
            if death is None:
                return
            reason = death.text
            if self.out_of_time is not None:
                raise Unusable(f"{self.task.place} was not checked. {reason}")
            if not self.is_imported:
                raise Unusable(reason)
            if death.call is None or death.call in self.task.refused:
                self.task = replace(self.task, broken=reason)
            else:
                self._refuse(death.call, reason)
        raise Unusable(f"{self.task.place} cannot be built. {reason}")

    def _build(self) -> Death | None:
        """Return the death of the process, where it died before it had built the layer."""
        self._messages = self.pool.run(self.task)
        for message in self._messages:
            if isinstance(message, Started):
                self.started = self.started or message
                return None
            if isinstance(message, Found):
                self.is_imported = True
                if not message.targets:
                    continue
                self.others += message.targets[1:]
                self.task = replace(self.task, place=message.targets[0], takes_all=False)
            elif isinstance(message, Refused):
                raise _refusal(message)
            elif isinstance(message, Ready):
                self.ready = message
            elif isinstance(message, Bug):
                self.bugs.append(message.traceback)
                raise Unusable(f"layercheck itself failed on {self.task.place}.")
            elif isinstance(message, Death):
                return self._dead(message)
            elif isinstance(message, Done):
                break
        raise Unusable("")

    def _asked(self) -> Iterator[CheckStarted | Result | Death]:
        """Yield what the running process asks and answers, and how it died if it did."""
        asked: Asked | None = None
        for message in self._messages:
            if isinstance(message, Asked):
                asked = message
                yield CheckStarted(message.question.id, message.question.dtype)
            elif isinstance(message, Answered):
                asked = None
                self._settle(message)
                yield message.result
            elif isinstance(message, Noted):
                self.notes[message.text] = None
            elif isinstance(message, Bug):
                self.bugs.append(message.traceback)
            elif isinstance(message, Death):
                self._dead(message)
                if asked is not None:
                    yield self._killed(asked, message)
                yield message
            elif isinstance(message, Done):
                return

    def _settle(self, answered: Answered) -> None:
        result, task = answered.result, self.task
        question = Question(result.suite, result.check, result.case, result.dtype)
        raised = dict(task.raised)
        if answered.raised is not None:
            raised.setdefault(answered.raised, result.id)
        self.task = replace(task, settled=(*task.settled, question), raised=raised)

    def _killed(self, asked: Asked, death: Death) -> Result:
        """Return the result of the check in which a process died."""
        question = asked.question
        self.task = replace(self.task, settled=(*self.task.settled, question))
        self._deaths[death.call or ""] += 1
        if death.call is not None and self._deaths[death.call] >= _MOST_DEATHS:
            self._refuse(death.call, f"{death.call} is not called again: {death.text}")
        return _incomplete(question, death.text, asked.rerun, death.notes)

    def _refuse(self, call: str, reason: str) -> None:
        self.task = replace(self.task, refused={**self.task.refused, call: reason})

    def _dead(self, death: Death) -> Death:
        if death.kind == "time limit":
            self.out_of_time = death
        return death

    def _restart(self) -> str | None:
        """Build the layer again; return why that is impossible."""
        try:
            self._begin()
        except Unusable as error:
            return str(error)
        return None

    def _left(self) -> list[Question]:
        assert self.started is not None
        settled = set(self.task.settled)
        return [each for each in self.started.questions if each not in settled]

    def _give_up(self, questions: list[Question], reason: str) -> Iterator[Result]:
        for question in questions:
            yield _incomplete(question, f"It was not run. {reason}")


def _refusal(refused: Refused) -> Exception:
    kind = getattr(errors, refused.kind, UsageError)
    if not (isinstance(kind, type) and issubclass(kind, UsageError)):
        kind = UsageError
    error = kind(refused.message)
    return error if refused.fatal else Unusable(error)


def _incomplete(
    question: Question, reason: str, rerun: str | None = None, notes: tuple[str, ...] = ()
) -> Result:
    return Result(
        question.suite,
        question.check,
        Outcome.INCOMPLETE,
        case=question.case,
        dtype=question.dtype,
        device="cpu" if question.dtype else None,
        reason=reason,
        rerun=rerun,
        notes=notes,
    )
