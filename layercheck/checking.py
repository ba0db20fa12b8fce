"""The checks of one layer, asked one at a time: where exceptions become outcomes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from layercheck.calling import as_answer, crossing, watched, with_place
from layercheck.case import Case
from layercheck.devices.stand_in import version_of
from layercheck.errors import CallUnavailable, LayerError
from layercheck.events import CheckStarted, LayerStarted
from layercheck.frames import display_path
from layercheck.outcome import (
    Evaluations,
    Finding,
    InputLayout,
    LayerResult,
    Outcome,
    Question,
    Recognised,
    Result,
    Source,
)
from layercheck.plan import Plan
from layercheck.preparing import Prepared
from layercheck.streams import Streams, quiet
from layercheck.subject import Subject
from layercheck.suite import Check, Suite
from layercheck.verdict import Failed, Inconclusive, Skipped

Debug = Callable[[BaseException], None]


@dataclass
class Checking:
    """The checks of one layer.

    Parameters
    ----------
    plan : Plan
    prepared : Prepared
    streams : callable
        A context in which the layer's prints go where they shall; default: nowhere.
    debug : callable or None
        Gets what a failing check raised.
    """

    plan: Plan
    prepared: Prepared
    streams: Streams = quiet
    debug: Debug | None = None
    cases: dict[str, Case] = field(default_factory=dict)
    raised: dict[str, str] = field(default_factory=dict)

    def questions(self) -> tuple[Question, ...]:
        """Every selected check, for every case and dtype, in order."""
        return tuple(
            Question(suite.name, check.name, name, dtype)
            for suite, check in self.plan.selected()
            if self._is_asked(suite)
            for name in cases_of(check, self.prepared.subject)
            if self.plan.selects(Question(suite.name, check.name, name).id)
            for dtype in self._dtypes(check)
        )

    def _is_asked(self, suite: Suite) -> bool:
        """Whether a suite is about layers of this framework."""
        subject = self.prepared.subject
        framework = subject.framework if subject else None
        return suite.framework is None or suite.framework == framework

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes of the run that the layer can compute in; all, where it can in none."""
        subject = self.prepared.subject
        can = subject.facts.dtypes if subject else ()
        return tuple(d for d in self.plan.dtypes if d in can) or self.plan.dtypes

    def stream(self) -> Iterator[CheckStarted | Result]:
        """Ask every question; yield each as it starts, and its raw result."""
        for question in self.questions():
            yield CheckStarted(question.id, question.dtype)
            yield self.answer(question)

    def answer(self, question: Question) -> Result:
        """Ask one question."""
        result = Result(
            question.suite,
            question.check,
            Outcome.PASSED,
            case=question.case,
            dtype=question.dtype,
            device="cpu" if question.dtype else None,
        )
        if self.prepared.broken is not None:
            return self._broken_result(result, *self.prepared.broken)
        check, case = self._check(question), self._case(question.dtype)
        before, started = case.evaluations, time.perf_counter()
        calls = watched(self.prepared.watch), crossing(self.prepared.border)
        with self.streams(), calls[0], calls[1], np.errstate(all="ignore"):
            verdict = self._verdict(check, case, question)
        return self._finished(
            replace(
                result,
                **verdict,
                evaluations=case.evaluations - before,
                elapsed_s=time.perf_counter() - started,
            )
        )

    def started(self) -> LayerStarted:
        """What is known before the first check."""
        blank = self.result(())
        return LayerStarted(
            target=blank.target,
            name=blank.name,
            framework=blank.framework,
            convention=blank.convention,
            source=blank.source,
            layouts=blank.layouts,
            dtypes=self.dtypes,
            device="cpu",
            checks=len({question.id for question in self.questions()}),
            notes=blank.notes,
        )

    def result(self, results: tuple[Result, ...]) -> LayerResult:
        """Everything about the layer, with the results of its checks."""
        subject = self.prepared.subject
        source = self.prepared.source
        file = display_path(source.file) if source.file else None
        return LayerResult(
            target=self.prepared.plan.loaded.target,
            name=self.prepared.plan.loaded.name,
            framework=subject.framework if subject else None,
            convention=subject.convention if subject else None,
            source=Source(file, source.line),
            layouts=self._layouts(),
            dtypes=self.dtypes,
            recognised=_recognised(subject) if subject else (),
            results=results,
            evaluations=sum((r.evaluations for r in results), Evaluations()),
            notes=self._notes(),
            packages=_versions(subject),
        )

    def _layouts(self) -> tuple[InputLayout, ...]:
        subject = self.prepared.subject
        if subject is None:
            return tuple(
                InputLayout(name or "?", layout.format, layout.size)
                for name, layout in self.prepared.plan.layouts
            )
        return tuple(
            InputLayout(name, layout.format, layout.size)
            for name, layout in zip(subject.input_names, subject.layouts, strict=True)
        )

    def _notes(self) -> tuple[str, ...]:
        subject = self.prepared.subject
        return (
            *self.prepared.plan.loaded.warnings,
            *(subject.notes if subject else ()),
            *self.prepared.watch.notes,
        )

    def _check(self, question: Question) -> Check:
        return next(
            check
            for suite, check in self.plan.selected()
            if (suite.name, check.name) == (question.suite, question.check)
        )

    def _dtypes(self, check: Check) -> tuple[str | None, ...]:
        if check.dtypes == "none":
            return (None,)
        return self.dtypes if check.dtypes == "all" else self.dtypes[:1]

    def _case(self, dtype: str | None) -> Case:
        key = dtype or self.dtypes[0]
        if key not in self.cases:
            subject = self.prepared.subject
            assert subject is not None
            self.cases[key] = Case(subject, key, self.plan.seed, self.plan.options)
        return self.cases[key]

    def _verdict(self, check: Check, case: Case, question: Question) -> dict[str, Any]:
        """Run a check; what it raises becomes its outcome."""
        try:
            passed = check(case, question.case)
        except Failed as failed:
            self._debug(failed)
            return {
                "outcome": Outcome.FAILED,
                "finding": failed.finding,
                "verified": failed.verified,
            }
        except Skipped as skipped:
            return {"outcome": Outcome.SKIPPED, "reason": str(skipped)}
        except Inconclusive as open_:
            return {
                "outcome": Outcome.INCOMPLETE,
                "reason": str(open_),
                "verified": open_.verified,
            }
        except LayerError as error:
            return self._raised(error, question.id)
        except CallUnavailable as unavailable:
            return {"outcome": Outcome.INCOMPLETE, "reason": str(unavailable)}
        except Exception as error:
            answer = as_answer(error, check.run)
            if answer is None:
                raise
            if isinstance(answer, LayerError):
                return self._raised(answer, question.id)
            return {"outcome": Outcome.INCOMPLETE, "reason": str(answer)}
        return {"notes": passed.notes, "verified": passed.verified}

    def _raised(self, error: LayerError, id: str) -> dict[str, Any]:
        """An exception that is not the check's own question: incomplete, once."""
        self._debug(error)
        reason = with_place(error)
        first = self.raised.setdefault(reason, id)
        if first != id:
            return {"outcome": Outcome.SKIPPED, "reason": f"stopped by what stopped {first}"}
        return {"outcome": Outcome.INCOMPLETE, "reason": reason}

    def _broken_result(
        self, result: Result, broken: str, error: LayerError | CallUnavailable
    ) -> Result:
        if result.id != broken:
            passed = result.id == "contract.construct" and broken == "contract.initialize"
            if passed:
                return result
            return replace(result, outcome=Outcome.SKIPPED, reason=f"needs {broken}")
        if isinstance(error, CallUnavailable):
            incomplete = replace(result, outcome=Outcome.INCOMPLETE, reason=str(error))
            return self._finished(incomplete)
        self._debug(error)
        finding = Finding(f"{error}.", source=Source(error.file, error.line, error.call))
        return self._finished(replace(result, outcome=Outcome.FAILED, finding=finding))

    def _debug(self, error: BaseException) -> None:
        if self.debug is not None:
            self.debug(error)

    def _finished(self, result: Result) -> Result:
        """Add the command that shows a failure again, and paths as the user writes them."""
        rerun = self.prepared.plan.rerun
        command = rerun(result.id, result.dtype) if rerun else None
        finding = result.finding
        if finding is None:
            incomplete = result.outcome is Outcome.INCOMPLETE
            return replace(result, rerun=command) if incomplete else result
        source = finding.source
        if source is not None and source.file:
            source = replace(source, file=display_path(os.fspath(source.file)))
        finding = replace(finding, source=source, rerun=command)
        return replace(result, finding=finding, rerun=command)


def cases_of(check: Check, subject: Subject | None) -> tuple[str | None, ...]:
    """Return the names of the cases of a check; None is that of a check that has none."""
    if check.cases is None:
        return (None,)
    return tuple(check.cases(subject)) if subject is not None else ()


def _versions(subject: Subject | None) -> dict[str, str]:
    if subject is None:
        return {}
    framework = () if subject.framework == "numpy" else (subject.framework,)
    modules = {name: sys.modules.get(name) for name in (*framework, *subject.packages)}
    return {name: version_of(module) for name, module in modules.items()}


def _recognised(subject: Subject) -> tuple[Recognised, ...]:
    slots = [("learnable", s) for s in subject.learnables] + [("state", s) for s in subject.states]
    return tuple(
        Recognised(slot.name, kind, tuple(np.shape(slot.value)), slot.found, slot.gradient)
        for kind, slot in slots
    )
