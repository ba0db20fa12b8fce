"""What is found out about a layer by tracing it: dtypes, whether it can be compiled, modes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from layercheck import LayerError, Layout, Request, call_layer
from layercheck_jax.explaining import explained
from layercheck_jax.model import Model, Values
from layercheck_jax.narrowing import narrowing
from layercheck_jax.outputs import is_inexact
from layercheck_jax.passes import Passes
from layercheck_jax.precision import cast, is_floating, precision

WIDE, NARROW = np.dtype(np.float64), np.dtype(np.float32)


@dataclass(frozen=True)
class Probe:
    """What was found.

    Parameters
    ----------
    dtypes : tuple of str
        Those that the layer computes in; empty where any will do.
    compiled : bool
        Tracing the layer twice gives the same computation, and leaves no trace.
    outputs : int
    differentiable : bool
        A floating output depends on something floating.
    forward_mode, second_order : bool
    notes : tuple of str
    """

    dtypes: tuple[str, ...] = ()
    compiled: bool = False
    outputs: int = 1
    differentiable: bool = True
    forward_mode: bool = False
    second_order: bool = False
    notes: tuple[str, ...] = ()


def probe(request: Request, model: Model, layouts: tuple[Layout, ...], values: Values) -> Probe:
    """Trace a layer at its layout; what raises is left for the checks to find."""
    trial = _Trial(request, model, layouts, values)
    if not trial.runs(WIDE):
        only = ("float32",) if trial.runs(NARROW) else ()
        why = f"the layer does not run in float64: {trial.reason}"
        return trial.found(NARROW, only, (why,) if only else ())
    narrow = trial.narrowed()
    if narrow is None:
        return trial.found(WIDE, (), ())
    return trial.found(NARROW, ("float32",), (f"verified in float32: {narrow}",))


class _Trial:
    def __init__(
        self, request: Request, model: Model, layouts: tuple[Layout, ...], values: Values
    ) -> None:
        self.passes = Passes(model, is_compiled=False)
        self.model, self.values = model, values
        self.inputs = tuple(
            example(request, n, i) for n, i in zip(model.arguments.inputs, layouts, strict=True)
        )
        self.modes = ("forward",) if model.one_pass else ("forward", "predict")
        self.reason = ""

    def given(self, dtype: np.dtype[Any]) -> tuple[Any, ...]:
        rows = (
            [slot.value for slot in self.values.learnables],
            [slot.value for slot in self.values.states],
            self.inputs,
        )
        return tuple(tuple(cast(value, dtype) for value in row) for row in rows)

    def traced(self, dtype: np.dtype[Any], mode: str, name: str = "forward", *more: Any) -> Any:
        """Trace a pass anew; raises `LayerError` where the layer does."""
        function = getattr(self.passes, name)(mode)
        arguments = (self.given(dtype), np.uint32(0), *more)
        with explained(), precision(dtype):
            return call_layer("forward()", jax.make_jaxpr(function), *arguments)

    def runs(self, dtype: np.dtype[Any]) -> bool:
        """Whether every pass can be called; not traced, where it cannot be traced."""
        for mode in self.modes:
            try:
                self.traced(dtype, mode)
            except LayerError:
                try:
                    with precision(dtype):
                        call_layer(
                            "forward()",
                            self.passes.get("forward", mode),
                            self.given(dtype),
                            np.uint32(0),
                        )
                except LayerError as error:
                    self.reason = str(error).splitlines()[0].removesuffix(":")
                    return False
        return True

    def narrowed(self) -> str | None:
        """Say where float64 is left for a lower precision; None where it is not."""
        for mode in self.modes:
            try:
                jaxpr = self.traced(WIDE, mode)
            except LayerError:
                return None
            for number, z in enumerate(jaxpr.out_avals[: self._count(jaxpr)]):
                if is_floating(z.dtype) and np.dtype(z.dtype) != WIDE:
                    return f"output {number + 1} is {z.dtype} where float64 goes in"
            step = next(narrowing(jaxpr.jaxpr, WIDE), None)
            if step is not None:
                return f"the layer computes in {step[1]} on the way ({step[0]})"
        return None

    def _count(self, jaxpr: Any) -> int:
        return len(jaxpr.out_avals) - len(self.values.states)

    def found(self, dtype: np.dtype[Any], dtypes: tuple[str, ...], notes: tuple[str, ...]) -> Probe:
        try:
            first = self.traced(dtype, "forward")
        except LayerError:
            return Probe(dtypes, notes=notes)
        outputs = first.out_avals[: self._count(first)]
        moves = any(map(is_inexact, (*self.inputs, *(s.value for s in self.values.learnables))))
        differentiable = moves and any(is_inexact(z) for z in outputs)
        if not differentiable:
            notes = (*notes, _undifferentiable(outputs, moves))
        return Probe(
            dtypes,
            self._is_repeatable(dtype),
            len(outputs),
            differentiable,
            differentiable and self._can(dtype, "tangent", self._along(dtype)),
            differentiable
            and self._can(dtype, "second", self._upstream(outputs), self._along(dtype)),
            notes,
        )

    def _is_repeatable(self, dtype: np.dtype[Any]) -> bool:
        """Whether tracing twice gives the same computation and draws no number of Python's."""
        before = _generators()
        for mode in self.modes:
            first, second = (self.traced(dtype, mode) for _ in range(2))
            if str(first) != str(second) or not _same(first.consts, second.consts):
                return False
        return before == _generators()

    def _can(self, dtype: np.dtype[Any], name: str, *more: Any) -> bool:
        try:
            self.traced(dtype, "forward", name, *more)
        except LayerError:
            return False
        return True

    def _along(self, dtype: np.dtype[Any]) -> Any:
        learnables, _, inputs = self.given(dtype)
        return tuple(
            tuple(x if is_inexact(x) else None for x in row) for row in (learnables, inputs)
        )

    def _upstream(self, outputs: Any) -> Any:
        return tuple(np.zeros(z.shape, z.dtype) for z in outputs)


def _undifferentiable(outputs: Any, moves: bool) -> str:
    if not moves:
        return "nothing floating goes into the layer, so that there is nothing to differentiate by"
    dtypes = ", ".join(dict.fromkeys(str(z.dtype) for z in outputs))
    return f"the layer returns {dtypes}, which has no derivative"


def example(request: Request, name: str, layout: Layout) -> np.ndarray:
    """Return values for one input: ordinary numbers, integers where it holds such."""
    shape = layout.resolved().shape
    rng = np.random.default_rng([request.seed, *name.encode()])
    given = request.data.get(name, request.data.get(""))
    if given is not None and np.shape(given) == shape:
        return np.asarray(given)
    integers = request.integers.get(name, request.integers.get(""))
    if integers is not None:
        return rng.integers(*integers, size=shape)
    low, high = request.ranges.get(name, request.ranges.get("", (-2.0, 2.0)))
    return rng.uniform(low, high, shape).astype(np.float32)


def _generators() -> str:
    return repr((np.random.get_state(), random.getstate()))  # noqa: NPY002 - layers draw from it


def _same(consts: Any, others: Any) -> bool:
    return len(consts) == len(others) and all(
        np.array_equal(np.asarray(a), np.asarray(b))
        for a, b in zip(consts, others, strict=True)
        if not jax.numpy.issubdtype(a.dtype, jax.dtypes.extended)
    )
