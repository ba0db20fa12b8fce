"""Points at which gradients are verified, and the problems posed there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.gradients.problem import Problem, from_reals, make_problem
from layercheck.gradients.quotients import to_real
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
    known: dict[str, Any] = field(default_factory=dict)

    def memo(self, key: str, compute: Callable[[], Any]) -> Any:
        """Return what `compute` returned when it was first asked for under `key`."""
        if key not in self.known:
            self.known[key] = compute()
        return self.known[key]

    def tensors(self) -> list[Tensor]:
        """Return the arguments of the layer with their gradients."""
        return list(tensors(self.case, self.point, self.gradients))

    def tensor(self, kind: str, name: str) -> Tensor:
        """Return an argument of the layer with its gradient."""
        return next(t for t in self.tensors() if (t.kind, t.name) == (kind, name))

    def evaluate(self, group: Sequence[Tensor], values: Sequence[Any]) -> Arrays:
        """Return the floating outputs, as reals, with several real tensors replaced."""
        point = self.point
        for tensor, value in zip(group, values, strict=True):
            point = _replaced(point, tensor.kind, self._position(tensor), value)
        found = _results(self.case, self.case.evaluate(point, training(self.case)))
        return tuple(to_real(z) for z in found if z.dtype.kind in "fc")

    def gradients_of(self, group: Sequence[Tensor], upstream: Sequence[Any]) -> list[Any]:
        """Return the gradients of several real tensors for upstream gradients as reals."""
        found = self.pull_back(from_reals(upstream, self.upstream, self.outputs))
        return [
            np.zeros(np.shape(tensor.value)) if gradient is None else np.real(gradient)
            for tensor in group
            for gradient in (_of_kind(found, tensor.kind)[self._position(tensor)],)
        ]

    def pull_back(self, upstream: Sequence[Any]) -> Gradients:
        """Run backward for other upstream gradients of `outputs`."""
        count = len(self.evaluation.outputs)
        states = tuple(upstream[count:]) if len(upstream) > count else None
        found = self.case.pull_back(self.evaluation, tuple(upstream[:count]), states)
        return _summed(self.case, found)

    def replaced(self, tensor: Tensor, value: Any) -> Point:
        """Return the point with another value for one tensor."""
        return _replaced(self.point, tensor.kind, self._position(tensor), value)

    def pose(self, tensor: Tensor) -> Problem:
        """Pose the verification of one tensor's gradient."""
        position = self._position(tensor)
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

    def _position(self, tensor: Tensor) -> int:
        """The number of a tensor among those of its kind."""
        return [t.name for t in self.tensors() if t.kind == tensor.kind].index(tensor.name)


def training(case: Case) -> Mode:
    """Return the pass that backward belongs to."""
    return "predict" if case.subject.facts.one_pass else "forward"


def reference(case: Case) -> Case:
    """Return the case in float64 where the layer keeps float64, else the case itself."""
    return case.memo("gradients.reference", lambda: _reference(case))


def _reference(case: Case) -> Case:
    dtypes = case.subject.facts.dtypes
    if case.dtype == np.float64 or (dtypes and "float64" not in dtypes):
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
