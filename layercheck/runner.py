"""From a plan to events: the one place where exceptions become outcomes."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError, UsageError
from layercheck.events import (
    CheckFinished,
    CheckStarted,
    Event,
    LayerFinished,
    LayerStarted,
    RunFinished,
    RunStarted,
)
from layercheck.frames import display_path
from layercheck.outcome import (
    Evaluations,
    Finding,
    InputLayout,
    LayerResult,
    Outcome,
    Recognised,
    Result,
    RunResult,
    Source,
)
from layercheck.plan import Plan
from layercheck.preparing import Prepared, prepare
from layercheck.subject import Subject
from layercheck.suite import Check, Suite
from layercheck.verdict import Failed, Inconclusive, Passed, Skipped
from layercheck.version import __version__


def run(plan: Plan) -> Iterator[Event]:
    """Run `plan`; yield what happens. The last event is `RunFinished`, also after Ctrl-C.

    Raises
    ------
    UsageError
        No target can be loaded; where only some cannot, they are reported as layer results.
    """
    started = time.perf_counter()
    prepared = _prepare_all(plan)
    yield RunStarted(__version__, environment(), plan.seed, len(prepared))
    layers: list[LayerResult] = []
    interrupted = False
    for item in prepared:
        if isinstance(item, LayerResult):
            layers.append(item)
            yield LayerFinished(item)
            continue
        layer = _LayerRun(plan, item)
        try:
            yield from layer.events()
        except KeyboardInterrupt:
            interrupted = True
        layers.append(layer.result())
        yield LayerFinished(layers[-1])
        if interrupted:
            break
    elapsed = time.perf_counter() - started
    yield RunFinished(
        RunResult(
            version=__version__,
            command=plan.command,
            seed=plan.seed,
            environment=environment(),
            layers=tuple(layers),
            elapsed_s=elapsed,
            interrupted=interrupted,
        )
    )


def environment() -> dict[str, str]:
    """The versions that a run depends on."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
    }


def _prepare_all(plan: Plan) -> list[Prepared | LayerResult]:
    prepared: list[Prepared | LayerResult] = []
    problems: list[UsageError] = []
    for target in plan.targets:
        try:
            with _quiet():
                prepared.append(prepare(target, plan.seed, plan.options))
        except UsageError as error:
            problems.append(error)
            loaded = target.loaded
            prepared.append(LayerResult(loaded.target, loaded.name, problem=str(error)))
    problems.extend(plan.unloadable)
    prepared.extend(LayerResult("", "", problem=str(problem)) for problem in plan.unloadable)
    if len(problems) == len(prepared):
        raise problems[0] if len(problems) == 1 else UsageError("\n".join(map(str, problems)))
    _require_expected(plan, [item for item in prepared if isinstance(item, Prepared)])
    return prepared


def _require_expected(plan: Plan, prepared: list[Prepared]) -> None:
    """Raise `UsageError` where an expected failure names no check or case of any layer."""
    known = {
        f"{suite.name}.{check.name}" + ("" if name is None else f":{name}")
        for item in prepared
        for suite in plan.suites
        for check in suite.checks
        for name in _cases(check, item.subject)
    }
    for id in plan.expected:
        if id not in known and all(item.subject for item in prepared):
            raise UsageError(
                f"No check is called {id!r} (--expect-fail). "
                f"Known here: {', '.join(sorted(known))}."
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what a layer prints out of our output."""
    with contextlib.redirect_stdout(_Sink()), contextlib.redirect_stderr(_Sink()):
        yield


class _Sink(io.TextIOBase):
    """A text stream that forgets what is written to it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def _cases(check: Check, subject: Subject | None) -> tuple[str | None, ...]:
    if check.cases is None:
        return (None,)
    return tuple(check.cases(subject)) if subject is not None else ()


@dataclass
class _LayerRun:
    """The checks of one layer, one after another."""

    plan: Plan
    prepared: Prepared
    results: list[Result] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    raised: dict[str, str] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        """Run every selected check; yield what happens."""
        todo = list(self._todo())
        yield self._started(len(todo))
        for suite, check, name in todo:
            id = _id(suite, check, name)
            finished = []
            for dtype in self._dtypes(check):
                yield CheckStarted(id, dtype)
                finished.append(self._result(suite, check, name, dtype))
            for result in _expected(finished, self.plan.expected.get(id)):
                self.results.append(result)
                yield CheckFinished(result)
            if self.plan.stop_on_first and self._has_failed():
                return

    def result(self) -> LayerResult:
        """What was found out so far."""
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
            dtypes=self.plan.dtypes,
            recognised=_recognised(subject) if subject else (),
            results=tuple(self.results),
            evaluations=sum((r.evaluations for r in self.results), Evaluations()),
            notes=self._notes(),
        )

    def _started(self, checks: int) -> LayerStarted:
        blank = self.result()
        return LayerStarted(
            target=blank.target,
            name=blank.name,
            framework=blank.framework,
            convention=blank.convention,
            source=blank.source,
            layouts=blank.layouts,
            dtypes=self.plan.dtypes,
            device="cpu",
            checks=checks,
            notes=blank.notes,
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
        return (*self.prepared.plan.loaded.warnings, *(subject.notes if subject else ()))

    def _todo(self) -> Iterator[tuple[Suite, Check, str | None]]:
        for suite, check in self.plan.selected():
            for name in _cases(check, self.prepared.subject):
                if self.plan.selects(_id(suite, check, name)):
                    yield suite, check, name

    def _dtypes(self, check: Check) -> tuple[str | None, ...]:
        if check.dtypes == "none":
            return (None,)
        return self.plan.dtypes if check.dtypes == "all" else self.plan.dtypes[:1]

    def _case(self, dtype: str | None) -> Case:
        key = dtype or self.plan.dtypes[0]
        if key not in self.cases:
            subject = self.prepared.subject
            assert subject is not None
            self.cases[key] = Case(subject, key, self.plan.seed, self.plan.options)
        return self.cases[key]

    def _has_failed(self) -> bool:
        return any(r.outcome in (Outcome.FAILED, Outcome.INCOMPLETE) for r in self.results)

    def _result(self, suite: Suite, check: Check, name: str | None, dtype: str | None) -> Result:
        result = Result(
            suite.name,
            check.name,
            Outcome.PASSED,
            case=name,
            dtype=dtype,
            device="cpu" if dtype else None,
        )
        if self.prepared.broken is not None:
            return self._broken_result(result, *self.prepared.broken)
        case = self._case(dtype)
        before, started = case.evaluations, time.perf_counter()
        with _quiet(), np.errstate(all="ignore"):
            verdict = self._verdict(lambda: check(case, name), result.id)
        return self._finished(
            replace(
                result,
                **verdict,
                evaluations=case.evaluations - before,
                elapsed_s=time.perf_counter() - started,
            )
        )

    def _verdict(self, ask: Callable[[], Passed], id: str) -> dict[str, Any]:
        """Run a check; what it raises becomes its outcome."""
        try:
            passed = ask()
        except Failed as failed:
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
            return self._raised(error, id)
        except MemoryError:
            return {
                "outcome": Outcome.INCOMPLETE,
                "reason": "The memory ran out. Give a smaller layout.",
            }
        return {"notes": passed.notes, "verified": passed.verified}

    def _raised(self, error: LayerError, id: str) -> dict[str, Any]:
        """An exception that is not the check's own question: incomplete, once."""
        reason = str(error)
        if error.file:
            reason += f" ({display_path(error.file)}:{error.line})"
        first = self.raised.setdefault(reason, id)
        if first != id:
            return {"outcome": Outcome.SKIPPED, "reason": f"stopped by what stopped {first}"}
        return {"outcome": Outcome.INCOMPLETE, "reason": reason}

    def _broken_result(self, result: Result, broken: str, error: LayerError) -> Result:
        if result.id != broken:
            passed = result.id == "contract.construct" and broken == "contract.initialize"
            if passed:
                return result
            return replace(result, outcome=Outcome.SKIPPED, reason=f"needs {broken}")
        finding = Finding(f"{error}.", source=Source(error.file, error.line, error.call))
        return self._finished(replace(result, outcome=Outcome.FAILED, finding=finding))

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


def _id(suite: Suite, check: Check, name: str | None) -> str:
    return f"{suite.name}.{check.name}" + ("" if name is None else f":{name}")


def _recognised(subject: Subject) -> tuple[Recognised, ...]:
    slots = [("learnable", s) for s in subject.learnables] + [("state", s) for s in subject.states]
    return tuple(
        Recognised(slot.name, kind, tuple(np.shape(slot.value)), slot.found, slot.gradient)
        for kind, slot in slots
    )


def _expected(results: list[Result], reason: str | None) -> list[Result]:
    """Apply an expected failure to all dtypes of one check: met if one fails."""
    if reason is None:
        return results
    if any(result.outcome is Outcome.FAILED for result in results):
        return [
            replace(result, outcome=Outcome.EXPECTED_FAILURE, expectation=reason)
            if result.outcome is Outcome.FAILED
            else replace(result, expectation=reason)
            for result in results
        ]
    return [
        replace(
            result,
            outcome=Outcome.FAILED,
            expectation=reason,
            finding=Finding(
                "The check passed although it is expected to fail.",
                fix="Remove the expectation: what it waited for has been mended.",
            ),
        )
        if result.outcome is Outcome.PASSED
        else result
        for result in results
    ]
