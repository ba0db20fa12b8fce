"""``python -m layercheck.worker``: one layer, checked in a process of its own.

It is started by `layercheck.isolation` and speaks its protocol; nobody else has a use for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from layercheck.arguments import make_plan
from layercheck.calls import Call, make_called_plan
from layercheck.checking import Checking
from layercheck.devices import stand_in
from layercheck.errors import CallUnavailable, UsageError, describe
from layercheck.frameworks.backend import quiet_frameworks
from layercheck.isolation.guard import has_children, limit_address_space, own_streams, protect
from layercheck.isolation.handles import open_shared
from layercheck.isolation.link import Link
from layercheck.isolation.protocol import (
    Answered,
    Asked,
    Bug,
    Done,
    Found,
    Noted,
    Ready,
    Refused,
    Started,
    Task,
)
from layercheck.isolation.values import decode
from layercheck.loading import LoadedTarget, Loading, load_place
from layercheck.outcome import Outcome, Question, Result
from layercheck.plan import Plan
from layercheck.plugins import load_suites
from layercheck.preparing import Prepared, prepare
from layercheck.runner import environment, known_ids
from layercheck.suite import Suite
from layercheck.version import __version__
from layercheck.watching import Watch


def main() -> None:
    """Do the task that the parent sends."""
    if len(sys.argv) != 3:
        sys.exit("layercheck.worker is started by layercheck, which checks layers with it.")
    tasks, results, pulse, stack = open_shared(sys.argv[1])
    link = Link(tasks, results, pulse)
    protect(stack, int(sys.argv[2]))
    stand_in.install()
    suites, warnings = load_suites()
    link.send(Ready(__version__, environment(), warnings))
    task = link.receive()
    _put_back(task.environ)
    quiet_frameworks()
    work = _Work(task, suites, link)
    try:
        with own_streams():
            work.do()
    except UsageError as error:
        link.send(Refused(str(error), type(error).__name__, fatal=not work.is_loading))
    except Exception:
        link.send(Bug(traceback.format_exc()))
    link.send(Done())
    os._exit(0)  # threads and exit handlers of the layer are not waited for


def _put_back(variables: Mapping[str, str | None]) -> None:
    """Undo what the parent set for the start of this process alone."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _Work:
    """One task."""

    def __init__(self, task: Task, suites: tuple[Suite, ...], link: Link) -> None:
        self._task, self._suites, self._link = task, suites, link
        self._watch = Watch(link.pulse, task.refused, takes_interrupts=True)
        self._noted: set[str] = set()
        self.is_loading = False

    def do(self) -> None:
        """Load, build, and ask what has not been asked."""
        files = _files()
        plan = self._plan()
        if self._task.memory is not None:
            limit_address_space(self._task.memory)
        prepared, raised = self._prepared(plan), dict(self._task.raised)
        checking = Checking(plan, prepared, own_streams, raised=raised)
        self._link.send(self._started(plan, checking))
        if self._task.survey:
            return
        settled = set(self._task.settled)
        for question in checking.questions():
            if question not in settled:
                self._ask(checking, question)
        self._look_around(files)

    def _plan(self) -> Plan:
        """The plan with one layer; raises an empty `UsageError` where there is none to find."""
        task = self._task
        sys.path += [folder for folder in task.path if folder not in sys.path]
        if task.arguments is not None:
            return make_plan(task.arguments, self._suites, task.command, self._load_one)
        call = Call(**{name: decode(value) for name, value in task.called.items()})
        return make_called_plan(call, self._suites, self._load)

    def _load(self) -> LoadedTarget:
        """Import the place, say what it holds, and return the first layer."""
        self.is_loading = True
        self._link.pulse.begin(f"the import of {self._task.place}")
        try:
            found = load_place(self._task.place, takes_all=self._task.takes_all)
        finally:
            self._link.pulse.end()
        self._link.send(Found(tuple(each.target for each in found)))
        if not found:
            raise UsageError("")
        return found[0]

    def _load_one(self, _: tuple[str, ...]) -> Loading:
        return Loading((self._load(),), ())

    def _prepared(self, plan: Plan) -> Prepared:
        (target,) = plan.targets
        if self._task.broken is not None:
            broken = "contract.construct", CallUnavailable(self._task.broken)
            return Prepared(target, None, broken, self._watch)
        return prepare(target, plan.seed, plan.options, self._watch)

    def _started(self, plan: Plan, checking: Checking) -> Started:
        return Started(
            event=checking.started(),
            blank=checking.result(()),
            questions=checking.questions(),
            known=tuple(known_ids(plan, checking.prepared)),
            runs=checking.prepared.subject is not None,
            seed=plan.seed,
            command=plan.command,
            expected=plan.expected,
            stop_on_first=plan.stop_on_first,
        )

    def _ask(self, checking: Checking, question: Question) -> None:
        rerun = checking.prepared.plan.rerun
        again = rerun(question.id, question.dtype) if rerun else None
        self._link.send(Asked(question, again))
        before = set(checking.raised)
        try:
            result = checking.answer(question)
        except Exception as error:
            self._link.send(Bug(traceback.format_exc()))
            result = _own_bug(question, error, again)
        raised = next(iter(set(checking.raised) - before), None)
        self._link.send(Answered(result, raised))
        for note in self._watch.notes:
            self._note(note)

    def _look_around(self, files: set[str]) -> None:
        """Note what the layer left behind."""
        new = sorted(_files() - files)
        if new:
            listed = ", ".join(new[:3]) + (" and others" if len(new) > 3 else "")
            self._note(f"files appeared in the working folder while the layer ran: {listed}")
        if self._link.pulse.read().forks:
            self._note("the layer forked this process; the copies were ended")
        elif has_children():
            self._note("the layer left child processes; they were ended")

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._link.send(Noted(text))


def _own_bug(question: Question, error: Exception, rerun: str | None) -> Result:
    return Result(
        question.suite,
        question.check,
        Outcome.INCOMPLETE,
        case=question.case,
        dtype=question.dtype,
        device="cpu" if question.dtype else None,
        reason=f"layercheck itself raised {describe(error)}.",
        rerun=rerun,
    )


def _files() -> set[str]:
    with contextlib.suppress(OSError):
        return {each.name for each in Path.cwd().iterdir() if each.name != "__pycache__"}
    return set()


if __name__ == "__main__":
    main()
