"""A layer at one small point, where every derivative and every claim about it can be had."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from layercheck.case import Case, Point
from layercheck.copying import copy_object
from layercheck.gradients.problem import Problem, make_problem
from layercheck.gradients.shrink import Focus
from layercheck.randomness import Generators, seeded_defaults
from layercheck.subject import Arrays, Evaluation, Gradients, Mode

Fact = TypeVar("Fact")
AnyArray = npt.NDArray[Any]
_FIELDS = {"input": "inputs", "learnable": "learnables", "state": "states"}


@dataclass(frozen=True)
class Tensor:
    """An argument of the layer: its kind, its number among its kind, its name and value."""

    kind: str
    position: int
    name: str
    value: AnyArray

    @property
    def title(self) -> str:
        """``input x``, ``learnable alpha``."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Backward:
    """One backward by the layer itself, and what it left behind.

    Parameters
    ----------
    gradients : dict, title -> array
        Zeros where backward gave none.
    upstream : tuple of arrays
        The upstream gradients after the call: a backward may have written to them.
    learnables : tuple of arrays
        The learnables after the call.
    """

    gradients: dict[str, AnyArray]
    upstream: Arrays
    learnables: Arrays


class Specimen:
    """A layer at one point, evaluated once.

    `outputs` go on with the states where backward takes their upstream gradients; `focus` is an
    element that is known to be wrong.

    Raises
    ------
    LayerError
        The layer raised.
    """

    def __init__(self, case: Case, point: Point, focus: Focus | None = None) -> None:
        self.case = case
        self.point = point
        self.focus = focus or Focus("", "")
        self.mode: Mode = "predict" if case.subject.facts.one_pass else "forward"
        self.evaluation = case.evaluate(point, self.mode)
        self.outputs = self._results(self.evaluation)
        self._memo: dict[Hashable, Any] = {}

    def memo(self, key: Hashable, compute: Callable[[], Fact]) -> Fact:
        """Return what `compute` returned when it was first asked for under `key`."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: Fact = self._memo[key]
        return found

    @cached_property
    def is_finite(self) -> bool:
        """Whether every output is finite."""
        return all(bool(np.isfinite(z).all()) for z in self.outputs)

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """``output`` or ``output 1``, and the states."""
        count = len(self.evaluation.outputs)
        names = ["output"] if count == 1 else [f"output {k + 1}" for k in range(count)]
        states = self.case.subject.states if len(self.outputs) > count else ()
        return (*names, *(f"state {slot.name} after the pass" for slot in states))

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every floating argument that has a gradient."""
        subject, point = self.case.subject, self.point
        names = {
            "input": subject.input_names,
            "learnable": tuple(slot.name for slot in subject.learnables),
            "state": tuple(slot.name for slot in subject.states),
        }
        if not subject.facts.state_gradients:
            del names["state"]
        found = [
            Tensor(kind, number, name, np.asarray(getattr(point, _FIELDS[kind])[number]))
            for kind, known in names.items()
            for number, name in enumerate(known)
        ]
        return tuple(tensor for tensor in found if tensor.value.dtype.kind in "fc")

    def tensor(self, kind: str, name: str) -> Tensor | None:
        """Return the argument of that kind and name; None where it has no gradient."""
        found = (t for t in self.tensors if (t.kind, t.name) == (kind, name))
        return next(found, None)

    def upstream(self, *key: Any) -> Arrays:
        """Return random upstream gradients of the outputs."""
        if key:
            return self.case.upstream(self.outputs, *key)
        return self.case.long_upstream(self.outputs)

    def pull_back(self, upstream: Sequence[AnyArray]) -> dict[str, AnyArray]:
        """Return the gradient of every tensor, by title."""
        count = len(self.evaluation.outputs)
        states = tuple(upstream[count:]) if len(upstream) > count else None
        found = self.case.pull_back(self.evaluation, tuple(upstream[:count]), states)
        return self.named(found)

    def watched_pull_back(self, upstream: Sequence[AnyArray]) -> Backward:
        """Run backward on a copy of the layer and see what it writes to."""
        count = len(self.evaluation.outputs)
        instance, done = self.evaluation.copied()
        given = tuple(d.copy() for d in upstream)
        states = given[count:] if len(given) > count else None
        generators = Generators(*instance.roots())
        with generators.preserved(), seeded_defaults(2**32 + 1):
            generators.restore(self.evaluation.generators)
            found = copy_object(instance.pull_back(done, given[:count], states))
        return Backward(self.named(found), given, copy_object(tuple(instance.learnables())))

    def with_value(self, tensor: Tensor, value: AnyArray) -> Point:
        """Return the point with another value for one tensor."""
        field = _FIELDS[tensor.kind]
        values = list(getattr(self.point, field))
        values[tensor.position] = value
        return replace(self.point, **{field: tuple(values)})

    def problem(self, tensor: Tensor) -> Problem:
        """Pose the differentiation of one tensor."""
        upstream = self.upstream()
        low, high = -math.inf, math.inf
        if tensor.kind == "input" and self.case.options.range_of(tensor.name) is not None:
            low, high = self.case.range_of(tensor.position)
        return make_problem(
            tensor.value,
            self.claimed(tensor),
            self.outputs,
            upstream,
            lambda value: self._results(
                self.case.evaluate(self.with_value(tensor, value), self.mode)
            ),
            lambda d: self._fitting(tensor, self.pull_back(d)),
            low,
            high,
        )

    def claimed(self, tensor: Tensor) -> AnyArray:
        """Return the gradient of one tensor that backward gives for `upstream()`."""
        return self._fitting(tensor, self._claims)

    @cached_property
    def _claims(self) -> dict[str, AnyArray]:
        return self.pull_back(self.upstream())

    def _fitting(self, tensor: Tensor, gradients: dict[str, AnyArray]) -> AnyArray:
        gradient = gradients[tensor.title]
        if gradient.shape == tensor.value.shape:
            return gradient
        return np.full(tensor.value.shape, np.nan)

    def _results(self, evaluation: Evaluation) -> Arrays:
        states = evaluation.states if self.case.subject.facts.state_gradients else ()
        return tuple(np.asarray(z) for z in (*evaluation.outputs, *states))

    def named(self, found: Gradients) -> dict[str, AnyArray]:
        """Name the gradients; a declared mean over the batch is undone."""
        given = {"input": found.inputs, "learnable": found.learnables, "state": found.states or ()}
        named = {}
        for tensor in self.tensors:
            of_kind = given[tensor.kind]
            gradient = of_kind[tensor.position] if tensor.position < len(of_kind) else None
            value = np.zeros_like(tensor.value) if gradient is None else np.asarray(gradient)
            named[tensor.title] = value * self._mean if tensor.kind == "learnable" else value
        return named

    @cached_property
    def _mean(self) -> int:
        sizes = {
            layout.shape[layout.find("B")] for layout in self.point.layouts if "B" in layout.format
        }
        declared = self.case.subject.facts.learnable_gradients == "mean"
        return sizes.pop() if declared and len(sizes) == 1 else 1
