"""Numerics: finite data give finite results, also at the values where formulas break."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.observations import (
    changed_inputs,
    keeps_observations_apart,
    output_batch_axes,
)
from layercheck.outcome import Finding
from layercheck.subject import Mode
from layercheck.suite import Check, Suite
from layercheck.suites.evidence import (
    output_name,
    source_of_backward,
    source_of_pass,
    tensors,
)
from layercheck.suites.finiteness import find_nonfinite, has_gradients
from layercheck.suites.regimes import constant_values, largest, smallest, zero_values
from layercheck.tolerances import difference, tolerance
from layercheck.verdict import Failed, Passed, fail, skip


def finite(case: Case) -> None:
    """Outputs and gradients are finite for the values generated.

    One NaN spreads through a network within a step. A NaN is wrong; an infinity is wrong where a
    higher precision gives a value that the dtype can hold. Usual causes: a logarithm or root of
    negative inputs, a division by a difference. If the layer is meant for other values, say so
    with --range; otherwise guard the operation that the message names.
    """
    finding = _at_generated_values(case)
    if finding is not None:
        raise Failed(finding)


def _at_generated_values(case: Case) -> Finding | None:
    return case.memo(
        "numerics.finite", lambda: find_nonfinite(case, case.point(), "the values generated")
    )


def large_values(case: Case) -> None:
    """Outputs and gradients are finite for inputs up to 1e3, or at the ends of ``--range``.

    Activations of 1e3 occur in training, above all in the first steps. Usual cause: an
    exponential whose quotient or logarithm would be small again. Subtract the largest value
    first (softmax), or use np.logaddexp, np.tanh or np.expm1 (softplus, sigmoid, ELU); mind
    backward, which often computes the exponential anew.
    """
    _require_regime(case, *largest(case))


def tiny_values(case: Case) -> None:
    """Outputs and gradients are finite for inputs so small that their fifth power vanishes.

    Usual cause: a division by a high power of the input, or by a norm without an epsilon.
    Multiply before dividing, or add a small constant to the denominator, in backward too.
    """
    _require_regime(case, *smallest(case))


def zeros(case: Case) -> None:
    """Outputs and gradients have no NaN where every input is zero.

    Zeros are common: padding, dead units, masked steps. Usual cause: a division by a norm, a
    sum or a standard deviation that is zero then, or the derivative of a root. Add a small
    constant to the denominator, or give that case its own value with np.where on both sides.
    """
    _require_regime(case, *zero_values(case))


def constant(case: Case) -> None:
    """Outputs and gradients have no NaN where all elements of an input are equal.

    A constant image or channel has no variance. Usual causes: a normalisation without an
    epsilon, and a variance computed as mean(x**2) - mean(x)**2, which rounding makes negative.
    So one value is short, and its mean exact; the other is not.
    """
    for short in (True, False):
        _require_regime(case, *constant_values(case, short=short))


def _require_regime(case: Case, point: Point, words: str) -> None:
    if _at_generated_values(case) is not None:
        skip("needs numerics.finite")
    finding = find_nonfinite(case, point, words)
    if finding is not None:
        raise Failed(finding)


def nan_contained(case: Case) -> Passed:
    """A NaN in one observation reaches no other observation.

    One corrupt sample must not ruin the others of its batch, and with it the whole training
    step. Usual causes: a maximum or mean over the batch that cancels out for finite values, and
    a selection by multiplying with zero, for 0 times NaN is NaN. Select with np.where or by
    index, and reduce over the axes of one observation only.
    """
    modes = _modes_that_keep_apart(case)
    point, observation = _with_nan(case)
    notes = []
    try:
        for mode in modes:
            evaluation = case.evaluate(point, mode)
            _require_contained(case, mode, evaluation.outputs, observation)
            if not any(np.isnan(z).any() for z in evaluation.outputs if z.dtype.kind in "fc"):
                notes.append(f"NaN in an observation does not show in its own output ({mode})")
        training: Mode = case.base().mode
        if training in modes and has_gradients(case):
            _require_gradients_contained(case, point, training, observation)
    except LayerError as error:
        skip(f"the layer refuses NaN: {error}")
    return Passed(tuple(notes))


def _modes_that_keep_apart(case: Case) -> list[Mode]:
    if case.batch_size is None:
        skip("the layouts have no common B; with --layout BC:8,3 the first axis is B")
    if case.batch_size < 2:
        skip("the batch holds one observation; give the layout a larger B")
    modes: tuple[Mode, ...] = ("predict",) if case.subject.facts.one_pass else _BOTH
    apart = [mode for mode in modes if keeps_observations_apart(case, mode)]
    if not apart:
        skip("observations influence each other, or no output follows the batch size")
    return apart


_BOTH: tuple[Mode, ...] = ("predict", "forward")


def _with_nan(case: Case) -> tuple[Point, int]:
    """The arguments with NaN all over one observation, and its index."""
    point = case.point()
    observation = (case.batch_size or 0) // 2
    inputs = []
    for x, layout in zip(point.inputs, point.layouts, strict=True):
        axis = layout.axis("B")
        if axis is not None and x.dtype.kind in "fc":
            x = x.copy()
            x[(slice(None),) * axis + (observation,)] = np.nan
        inputs.append(x)
    if all(x is y for x, y in zip(inputs, point.inputs, strict=True)):
        skip("no floating input has B, and integers cannot be NaN")
    return replace(point, inputs=tuple(inputs)), observation


def _require_contained(case: Case, mode: Mode, outputs: tuple[Any, ...], observation: int) -> None:
    base = case.base(mode).outputs
    for number, (z, before, axis) in enumerate(
        zip(outputs, base, output_batch_axes(case), strict=True)
    ):
        reached = _reached(z, before, axis, observation)
        if reached:
            fail(
                f"NaN in observation B={observation} reaches the {output_name(number, len(base))} "
                f"of others in {mode}().",
                where=_observations(reached),
                source=source_of_pass(case, mode),
                wrong=len(reached),
                fix="Reduce within each observation, and select with np.where or by index.",
            )


def _reached(array: Any, before: Any, axis: int | None, observation: int) -> list[int]:
    """The other observations in which NaN appears."""
    if axis is None or np.shape(array) != np.shape(before):
        return []
    new = np.isnan(array) & ~np.isnan(before)
    found = new.any(axis=tuple(a for a in range(new.ndim) if a != axis))
    return [int(b) for b in np.flatnonzero(found) if b != observation]


def _observations(reached: list[int]) -> str:
    listed = ", ".join(str(b) for b in reached[:8])
    return f"B={listed}{', ...' if len(reached) > 8 else ''}"


def _require_gradients_contained(
    case: Case, point: Point, training: Mode, observation: int
) -> None:
    evaluation = case.evaluate(point, training)
    found = case.pull_back(evaluation, case.upstream(evaluation.outputs))
    for tensor, before in zip(
        tensors(case, point, found), case.attempt_gradients().inputs, strict=False
    ):
        if tensor.kind != "input" or tensor.gradient is None or before is None:
            continue
        axis = tensor.layout.axis("B") if tensor.layout else None
        reached = _reached(tensor.gradient, before, axis, observation)
        if reached:
            _require_gradients_apart(case, training, observation)
            fail(
                f"NaN in observation B={observation} reaches the gradient of {tensor.name} of "
                "others in backward().",
                where=_observations(reached),
                source=source_of_backward(case),
                wrong=len(reached),
                fix="Reduce within each observation, and select with np.where or by index.",
            )


def _require_gradients_apart(case: Case, training: Mode, observation: int) -> None:
    """Skip where finite values of one observation change the gradients of others, too."""
    changed = np.arange(case.batch_size or 0) == observation
    evaluation = case.evaluate(changed_inputs(case.point(), changed), training)
    found = case.pull_back(evaluation, case.upstream(evaluation.outputs))
    for layout, new, old, spread in zip(
        case.layouts,
        found.inputs,
        case.attempt_gradients().inputs,
        case.gradient_spread.inputs,
        strict=True,
    ):
        axis = layout.axis("B")
        if axis is None or old is None or np.shape(new) != np.shape(old):
            continue
        actual, expected = (np.compress(~changed, g, axis=axis) for g in (new, old))
        if difference(actual, expected, tolerance(expected, spread, case.eps)) is not None:
            skip("needs batch.input_gradients_independent")


suite = Suite(
    "numerics",
    "Finite data give finite results, at extreme values too.",
    (
        Check("finite", finite, dtypes="all"),
        Check("large_values", large_values, dtypes="all"),
        Check("tiny_values", tiny_values, dtypes="all"),
        Check("zeros", zeros, dtypes="all"),
        Check("constant", constant, dtypes="all"),
        Check("nan_contained", nan_contained),
    ),
)
