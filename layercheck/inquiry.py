"""One layer whose checks are asked in any order, one at a time: what test runners need."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from layercheck.arguments import make_plan
from layercheck.baseline import Baseline, read_baseline
from layercheck.calls import Call, make_called_plan, require_call
from layercheck.checking import Checking
from layercheck.config.reading import Configuration, Entry
from layercheck.expectations import require_expected, settled
from layercheck.loading import loaded_layer
from layercheck.outcome import Question, Result
from layercheck.plan import Plan, TargetPlan
from layercheck.plugins import load_suites
from layercheck.preparing import prepare
from layercheck.runner import known_ids
from layercheck.surroundings import Surroundings


@dataclass
class Inquiry:
    """A layer that was built, and the questions that can be asked of it.

    What several questions need is computed once. Nothing runs before a question is asked.

    Parameters
    ----------
    name : str
    questions : tuple of Question
        In order. Where the layer cannot be built, the one that says why.
    """

    name: str
    questions: tuple[Question, ...]
    _expected: Mapping[str, str]
    _checking: Checking
    _answers: dict[Question, Result] = field(default_factory=dict)

    def answer(self, question: Question) -> Result:
        """Ask one question; expected failures are settled over all dtypes of its check."""
        if question not in self._answers:
            reason = self._expected.get(question.id)
            same = [each for each in self.questions if each.id == question.id]
            asked = [question] if reason is None else same
            with _put_back():
                results = [self._checking.answer(each) for each in asked]
            self._answers.update(zip(asked, settled(results, reason), strict=True))
        return self._answers[question]

    def release(self) -> None:
        """Forget what questions share; a later one computes it again."""
        self._checking.cases.clear()


def inquire(layer: Any, call: Call) -> Inquiry:
    """Build a layer that is given as to `check_layer`.

    Raises
    ------
    UsageError
        An argument cannot be carried out, or the layer is none.
    """
    given = require_call(call)
    suites, _ = load_suites()
    with _put_back():
        plan = make_called_plan(given, suites, lambda: loaded_layer(layer))
        return _inquiry(plan, plan.targets[0], plan.targets[0].loaded.name)


def inquire_configured(entry: Entry, configuration: Configuration) -> Iterator[Inquiry]:
    """Build the layers of one entry of the configuration; raises `UsageError`.

    Parameters
    ----------
    entry : Entry
    configuration : Configuration
        Its folder is importable, and the failures of its baseline are accepted.
    """
    path = configuration.run.get("baseline")
    baseline = Baseline() if path is None else read_baseline(path)
    folder = str(configuration.folder)
    suites, _ = load_suites()
    if folder not in sys.path:
        sys.path.append(folder)
    plan = make_plan(entry.arguments, suites, "")
    if plan.unloadable:
        raise plan.unloadable[0]
    for target in plan.targets:
        several = f"{entry.name}.{target.loaded.name}"
        with _put_back():
            inquiry = _inquiry(
                plan, target, several if len(plan.targets) > 1 else entry.name, baseline
            )
        yield inquiry


def _inquiry(
    plan: Plan, target: TargetPlan, name: str, baseline: Baseline | None = None
) -> Inquiry:
    prepared = prepare(target, plan.seed, plan.options)
    checking = Checking(plan, prepared, contextlib.nullcontext)
    questions = checking.questions()
    if prepared.broken is not None:
        suite, _, check = prepared.broken[0].partition(".")
        questions = (Question(suite, check),)
    elif plan.expected:
        require_expected(plan.expected, set(known_ids(plan, prepared)))
    accepted = baseline.of(checking.result(())) if baseline is not None else {}
    return Inquiry(name, questions, {**accepted, **plan.expected}, checking)


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    """Undo what a layer changes around it."""
    surroundings = Surroundings()
    try:
        yield
    finally:
        surroundings.put_back()
