"""The check that a sequence may be cut anywhere, where the state is carried over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.observations import is_random
from layercheck.recurrence import recurrent_states
from layercheck.subject import Evaluation, Mode
from layercheck.suites.agreement import Pair, called, counted, disagreement, output_pairs, passes
from layercheck.suites.evidence import source_of_pass
from layercheck.suites.state_valid import require_states
from layercheck.tolerances import tolerance
from layercheck.verdict import Passed, fail, skip


def sequence_in_chunks(case: Case) -> Passed | None:
    """Two halves of a sequence, with the state carried over, give what the whole gives.

    That is what a state is for: long sequences are trained and predicted in pieces. The usual
    causes are a state that is stored one step early or late, that is set to zero at the start of
    every pass, or that is kept from the first step instead of the last.

    Fix: start each pass from the state, and store the value after the last step.
    """
    require_states(case)
    if not any("T" in layout.format for layout in case.layouts):
        skip("no axis is labelled T; label that of the time steps (--layout BTC:4,6,3)")
    if not any(recurrent_states(case)):
        skip("no state is recurrent: the output of forward depends on none")
    steps = max(x.shape[x.find("T")] for x in case.layouts if "T" in x.format)
    if steps < 2:
        skip("the layout has one time step; give T a larger size (--layout)")
    for mode in passes(case):
        case.base(mode)
        if not is_random(case, mode):
            _require_same(case, mode, steps)
    return None


def _require_same(case: Case, mode: Mode, steps: int) -> None:
    middle, whole = steps // 2, case.base(mode)
    try:
        first = case.evaluate(_steps(case, slice(None, middle)), mode)
        rest = replace(_steps(case, slice(middle, None)), states=first.states)
        second = case.evaluate(rest, mode)
    except LayerError:
        skip(f"the layer does not run on {middle} of {counted(steps, 'time step')}")
    together = [
        _joined(a, b, z)
        for a, b, z in zip(first.outputs, second.outputs, whole.outputs, strict=True)
    ]
    differs = disagreement(output_pairs(case, together, whole.outputs, mode)) or disagreement(
        _state_pairs(case, second, whole, mode)
    )
    if differs is None:
        return
    fail(
        f"{called(case, mode)} gives something else to {middle} and then {steps - middle} time "
        f"steps with the state carried over than to all {steps} at once.",
        source=source_of_pass(case, mode),
        fix="Start each pass from the state, and store the value after the last step.",
        **differs.evidence,
    )


def _steps(case: Case, steps: slice) -> Point:
    """The arguments of some time steps."""
    point = case.point()
    axes = [layout.axis("T") for layout in point.layouts]
    inputs = tuple(
        x if axis is None else x[(slice(None),) * axis + (steps,)]
        for x, axis in zip(point.inputs, axes, strict=True)
    )
    layouts = tuple(
        layout if axis is None else Layout.of(layout.format, x.shape)
        for layout, axis, x in zip(point.layouts, axes, inputs, strict=True)
    )
    return replace(point, inputs=inputs, layouts=layouts)


def _joined(first: Any, second: Any, whole: Any) -> Any:
    """What two halves give together: side by side in time, or the second where it has no time.

    Where neither fits, `whole` itself.
    """
    a, b, z = np.shape(first), np.shape(second), np.shape(whole)
    for axis in range(len(z) if len(a) == len(b) == len(z) else 0):
        others = {shape[:axis] + shape[axis + 1 :] for shape in (a, b, z)}
        if len(others) == 1 and a[axis] + b[axis] == z[axis]:
            return np.concatenate([first, second], axis=axis)
    return second if b == z else whole


def _state_pairs(
    case: Case, actual: Evaluation, expected: Evaluation, mode: Mode
) -> Iterator[Pair]:
    change = max(case.spread(mode), default=0.0)
    for slot, a, e, is_recurrent in zip(
        case.subject.states, actual.states, expected.states, recurrent_states(case), strict=True
    ):
        if is_recurrent:
            limit = tolerance(np.asarray(e), change, case.eps)
            yield Pair(f"state {slot.name} after the last step", slot.name, a, e, limit)
