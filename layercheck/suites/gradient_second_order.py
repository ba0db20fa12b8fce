"""The check of second order: gradients of the gradients, against differences of the gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.gradients.joint import Group, Member, verify_together
from layercheck.gradients.problem import Problem, make_problem
from layercheck.gradients.structure import one_block
from layercheck.gradients.verify import Verification, verify
from layercheck.outcome import Cause
from layercheck.subject import Arrays, Gradients
from layercheck.suites.evidence import Tensor, source_of_backward, source_of_pass
from layercheck.suites.gradient_groups import seem_right
from layercheck.suites.gradient_regimes import smallest
from layercheck.suites.gradient_trials import Trial, make_trial, reference, training
from layercheck.tolerances import SPREAD
from layercheck.verdict import Inconclusive, fail, skip
from layercheck.where import describe_index

_UNAVAILABLE = {
    "written": "backward is written by hand, and nothing differentiates it again",
    "autodiff": "the gradients of this layer cannot be differentiated again",
    "none": "there is no backward",
}


def second_order(case: Case) -> None:
    """Derivatives of the gradients are right, with respect to every tensor.

    At the smallest layout that the layer accepts, the gradients are taken as a layer of their
    own: their derivative with respect to each input, learnable and upstream gradient, as the
    framework computes it, is compared with differences of the gradients. Gradient penalties,
    meta-learning and Newton's method rest on it.

    The usual cause is a backward written by hand that leaves the framework's operations
    (`.detach()`, `.data`, arrays of another library) or uses what forward computed in between, so
    that its own derivative is silently zero or wrong. Fix: write backward with the framework's
    operations on saved inputs and outputs, or declare that it can be differentiated once only
    (`once_differentiable`).
    """
    if not case.subject.facts.second_order:
        skip(_UNAVAILABLE[case.subject.facts.backward])
    t = _trial(reference(case))
    if not seem_right(t):
        skip("needs gradients.input and gradients.learnable: the gradients are wrong")
    question = _Question.ask(t)
    problems = {target: question.pose(target) for target in question.targets()}
    known = _together(question, problems)
    unclear = []
    for target, problem in problems.items():
        rng = t.case.rng("second order", target.title)
        found = known.get(target) or verify(problem, rng, t.case.options.budget)
        if found.failed and not question.is_rounding(target, found):
            _fail(t.case, target, problem, found)
        unclear.append(found.inconclusive)
    if unclear and all(unclear):
        raise Inconclusive(str(unclear[0]))


def _trial(case: Case) -> Trial:
    layouts = smallest(case) or case.layouts
    try:
        t = make_trial(case, case.point(sizes=layouts))
    except LayerError:
        skip(f"needs {case.backward_check}")
    if t is None:
        skip("the outputs are not finite")
    return t


def _together(
    question: _Question, problems: dict[_Target, Problem]
) -> dict[_Target, Verification | None]:
    """Verify all derivatives along the same directions; none where one must be looked at alone."""
    if any(problem.is_complex for problem in problems.values()):
        return {}
    members = tuple(Member(p, one_block(p), target.title) for target, p in problems.items())
    group = Group(
        members,
        lambda values: question.evaluate(dict(zip(problems, values, strict=True))),
        lambda directions: question.derivatives(list(problems), directions),
    )
    found = verify_together(group, question.t.case.rng("second order"))
    return dict(zip(problems, found, strict=True))


@dataclass(frozen=True, eq=False)
class _Target:
    """What the gradients are differentiated by."""

    title: str
    value: Any
    tensor: Tensor | None
    number: int


@dataclass(frozen=True)
class _Question:
    """The gradients of a trial as outputs, and the directions in which they are summed."""

    t: Trial
    outputs: Arrays
    directions: Arrays

    @classmethod
    def ask(cls, t: Trial) -> _Question:
        outputs = tuple(_floating(t.gradients))
        if not outputs:
            skip("the layer has no gradients")
        return cls(t, outputs, t.case.upstream(outputs, "second order", "directions"))

    def targets(self) -> Iterator[_Target]:
        """Yield inputs, learnables and upstream gradients that have derivatives."""
        for number, tensor in enumerate(self._tensors()):
            yield _Target(tensor.title, np.asarray(tensor.value), tensor, number)
        count = len(self.t.evaluation.outputs)
        for number, d in enumerate(self.t.upstream[:count]):
            if np.asarray(self.t.outputs[number]).dtype.kind in "fc":
                title = "the upstream gradient" if count == 1 else f"upstream gradient {number + 1}"
                yield _Target(title, np.asarray(d), None, number)

    def _tensors(self) -> list[Tensor]:
        found = [t for t in self.t.tensors() if t.kind in ("input", "learnable")]
        return [t for t in found if np.asarray(t.value).dtype.kind in "fc"]

    def differentiated(self, directions: Sequence[Any]) -> tuple[Arrays, Gradients]:
        """The gradients of sum(directions * outputs): of the upstreams, and of the tensors."""
        t = self.t
        along = _along(t, directions)
        upstream = t.upstream[: len(t.evaluation.outputs)]
        try:
            _, of_upstream, second = t.case.differentiate(
                lambda live: live.pull_back_twice(
                    t.point.inputs, training(t.case), upstream, along
                ),
                t.point,
            )
        except LayerError as error:
            skip(f"the gradients cannot be differentiated again: {error}")
        return of_upstream, second

    def derivatives(
        self, targets: Sequence[_Target], directions: Sequence[Any]
    ) -> list[np.ndarray]:
        """The derivatives of sum(directions * outputs) with respect to some targets."""
        of_upstream, second = self.differentiated(directions)
        of_tensors = _floating_of(self.t, second)
        found = [(of_upstream if t.tensor is None else of_tensors)[t.number] for t in targets]
        return [
            np.zeros_like(target.value) if value is None else np.asarray(value)
            for target, value in zip(targets, found, strict=True)
        ]

    def is_rounding(self, target: _Target, found: Verification) -> bool:
        """Whether an error is as small as what last bits change in a derivative: its terms cancel.

        The gradients vanish there, too, so that their differences show no rounding.
        """
        if found.worst is None:
            return False
        case, t = self.t.case, self.t
        point = case.jittered(t.point)
        upstream = case.jittered(replace(t.point, inputs=t.upstream, learnables=())).inputs
        moved = replace(self, t=replace(t, point=point, upstream=upstream))
        first, second = (q.derivatives([target], self.directions)[0] for q in (self, moved))
        return found.worst.error <= SPREAD * float(np.max(np.abs(first - second), initial=0.0))

    def evaluate(self, values: dict[_Target, Any]) -> Arrays:
        """The gradients with some targets replaced."""
        t = self.t
        point, upstream = t.point, list(t.upstream)
        for target, value in values.items():
            if target.tensor is None:
                dtype = upstream[target.number].dtype
                upstream[target.number] = np.asarray(value).astype(dtype)
            else:
                point = replace(t, point=point).replaced(target.tensor, value)
        if point is not t.point:
            t = replace(t, point=point, evaluation=t.case.evaluate(point, training(t.case)))
        return tuple(_floating(t.pull_back(upstream)))

    def pose(self, target: _Target) -> Problem:
        """Pose the verification of one derivative."""
        return make_problem(
            target.value,
            self.derivatives([target], self.directions)[0],
            self.outputs,
            self.directions,
            lambda value: self.evaluate({target: value}),
            lambda directions: self.derivatives([target], directions)[0],
            *self.range_of(target),
        )

    def range_of(self, target: _Target) -> tuple[float, float]:
        """What the values of a target stay in: the range that the user gave its input."""
        case, tensor = self.t.case, target.tensor
        if tensor is None or tensor.kind != "input":
            return -math.inf, math.inf
        if case.options.range_of(tensor.name) is None:
            return -math.inf, math.inf
        return case.range_of(case.subject.input_names.index(tensor.name))


def _along(t: Trial, directions: Sequence[Any]) -> Gradients:
    """The directions as gradients; None for tensors that have none."""
    left = iter(directions)

    def take(found: Sequence[Any]) -> Arrays:
        return tuple(next(left) if _is_floating(g) else None for g in found)

    return Gradients(take(t.gradients.inputs), take(t.gradients.learnables))


def _floating(gradients: Gradients) -> Iterator[np.ndarray]:
    for g in (*gradients.inputs, *gradients.learnables):
        if _is_floating(g):
            yield np.asarray(g)


def _floating_of(t: Trial, second: Gradients) -> Arrays:
    """The second derivatives of the tensors that hold floating values."""
    pairs = zip(
        (*t.point.inputs, *t.point.learnables), (*second.inputs, *second.learnables), strict=True
    )
    return tuple(g for value, g in pairs if np.asarray(value).dtype.kind in "fc")


def _is_floating(gradient: Any) -> bool:
    return gradient is not None and np.asarray(gradient).dtype.kind in "fc"


def _fail(case: Case, target: _Target, problem: Problem, found: Verification) -> None:
    worst = found.worst
    place = "" if worst is None else f"; worst at {_where(target, worst.index)}"
    wrong = f"{found.wrong:,}" if found.wrong else "some"
    fail(
        f"The derivative of the gradients with respect to {target.title} is wrong.",
        where=f"{wrong} of {target.value.size:,} elements{place}",
        source=source_of_backward(case) or source_of_pass(case, "forward"),
        details=("numeric are differences of the gradients",),
        worst=worst,
        wrong=found.wrong,
        cause=_why(problem, found, target),
        fix="Write backward with operations that the framework differentiates, on the inputs and "
        "outputs (what forward computed in between has no derivative); or declare that it can be "
        "differentiated once only.",
    )


def _where(target: _Target, index: tuple[int, ...]) -> str:
    if target.tensor is not None:
        return target.tensor.where(index)
    return describe_index(index, None, "dz")


def _why(problem: Problem, found: Verification, target: _Target) -> Cause | None:
    if np.any(problem.gradient):
        return None
    return Cause(
        "zero-gradient",
        f"the derivative with respect to {target.title} is zero everywhere, and the gradients "
        "change with it: backward leaves what the framework follows.",
    )
