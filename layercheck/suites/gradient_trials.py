"""Points at which gradients are verified, and the problems posed there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.gradients.problem import Problem, make_problem
from layercheck.subject import Arrays, Evaluation, Gradients, Mode
from layercheck.suites.evidence import Tensor, tensors
from layercheck.verdict import skip

WIDE = 1
REDRAWS = (2, 3, 4, 5)  # tried where the first draw is not finite


@dataclass(frozen=True)
class Trial:
    """One forward and one backward, from which all gradients of a point are verified.

    `outputs` and `upstream` go on with the states where backward takes their upstream gradients.
    `regime` says in words what is special about the values; empty where they are ordinary.
    """

    case: Case
    point: Point
    evaluation: Evaluation
    outputs: Arrays
    upstream: Arrays
    gradients: Gradients
    regime: str = ""

    def tensor(self, kind: str, name: str) -> Tensor:
        """Return an argument of the layer with its gradient."""
        found = tensors(self.case, self.point, self.gradients)
        return next(t for t in found if (t.kind, t.name) == (kind, name))

    def pull_back(self, upstream: Sequence[Any]) -> Gradients:
        """Run backward for other upstream gradients of `outputs`."""
        count = len(self.evaluation.outputs)
        states = tuple(upstream[count:]) if len(upstream) > count else None
        found = self.case.pull_back(self.evaluation, tuple(upstream[:count]), states)
        return _summed(self.case, found)

    def pose(self, tensor: Tensor) -> Problem:
        """Pose the verification of one tensor's gradient."""
        position = [t.name for t in self._same_kind(tensor.kind)].index(tensor.name)
        low, high = -math.inf, math.inf
        if tensor.kind == "input" and self.case.options.range_of(tensor.name) is not None:
            low, high = self.case.range_of(position)

        def evaluate_at(value: Any) -> Arrays:
            point = _replaced(self.point, tensor.kind, position, value)
            return _results(self.case, self.case.evaluate(point, training(self.case)))

        def backward(upstream: Sequence[Any]) -> Any:
            found = _of_kind(self.pull_back(upstream), tensor.kind)[position]
            return np.zeros_like(tensor.value) if found is None else np.asarray(found)

        return make_problem(
            np.asarray(tensor.value),
            np.asarray(tensor.gradient),
            self.outputs,
            self.upstream,
            evaluate_at,
            backward,
            low,
            high,
        )

    def _same_kind(self, kind: str) -> list[Tensor]:
        found = tensors(self.case, self.point, self.gradients)
        return [tensor for tensor in found if tensor.kind == kind]


def training(case: Case) -> Mode:
    """Return the pass that backward belongs to."""
    return "predict" if case.subject.facts.one_pass else "forward"


def reference(case: Case) -> Case:
    """Return the case in float64 where the layer keeps float64, else the case itself."""
    return case.memo("gradients.reference", lambda: _reference(case))


def _reference(case: Case) -> Case:
    if case.dtype == np.float64:
        return case
    wide = Case(case.subject, "float64", case.seed, case.options, case.device)
    try:
        outputs = wide.attempt(training(wide)).outputs
    except LayerError:
        return case
    kept = all(np.asarray(z).dtype in (np.float64, np.complex128) for z in outputs)
    return wide if kept else case


def trials(case: Case) -> list[Trial]:
    """Return the trials at the layout, of ordinary values; skips where the layer is not finite."""
    case.require_backward()
    case.gradients()
    draws = (_first(case), trial(case, WIDE))
    found = [t for t in draws if t is not None]
    if not found:
        skip("the outputs are not finite, whatever the values drawn (see numerics.finite)")
    return found


def _first(case: Case) -> Trial | None:
    """The first draw at which the layer is finite."""
    return next((t for draw in (0, *REDRAWS) if (t := trial(case, draw)) is not None), None)


def trial(case: Case, draw: int) -> Trial | None:
    """Return the trial at one draw; None where it is no other or the layer is not finite there."""
    wide = reference(case)
    return wide.memo(("gradients.trial", draw), lambda: _trial(wide, draw))


def _trial(case: Case, draw: int) -> Trial | None:
    point = case.point(draw=draw)
    if draw and all(map(np.array_equal, point.inputs, case.point().inputs)):
        return None
    try:
        return make_trial(case, point, base=draw == 0)
    except LayerError:
        return None


def make_trial(case: Case, point: Point, *, base: bool = False) -> Trial | None:
    """Run forward and backward at `point`; None where an output is not finite.

    Raises
    ------
    LayerError
        The layer raised.
    """
    evaluation = case.base() if base else case.evaluate(point, training(case))
    outputs = _results(case, evaluation)
    if not all(np.isfinite(z).all() for z in outputs):
        return None
    upstream = case.upstream(outputs) if base else case.long_upstream(outputs)
    unfinished = Trial(case, point, evaluation, outputs, upstream, Gradients((), ()))
    if base and len(outputs) == len(evaluation.outputs):
        return replace(unfinished, gradients=_summed(case, case.gradients()))
    return replace(unfinished, gradients=unfinished.pull_back(upstream))


def _results(case: Case, evaluation: Evaluation) -> Arrays:
    """The outputs, and the states where backward differentiates them."""
    states = evaluation.states if case.subject.facts.state_gradients else ()
    return tuple(np.asarray(z) for z in (*evaluation.outputs, *states))


def _summed(case: Case, gradients: Gradients) -> Gradients:
    """Undo a declared mean over the batch."""
    if case.subject.facts.learnable_gradients == "sum" or not case.batch_size:
        return gradients
    sums = tuple(None if g is None else g * case.batch_size for g in gradients.learnables)
    return replace(gradients, learnables=sums)


def _of_kind(gradients: Gradients, kind: str) -> Arrays:
    return {
        "input": gradients.inputs,
        "learnable": gradients.learnables,
        "state": gradients.states or (),
    }[kind]


def _replaced(point: Point, kind: str, position: int, value: Any) -> Point:
    field = {"input": "inputs", "learnable": "learnables", "state": "states"}[kind]
    values = list(getattr(point, field))
    values[position] = value
    return replace(point, **{field: tuple(values)})
