"""Checks at other batch sizes: one observation, a few, more than the layout has."""

from __future__ import annotations

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.observations import (
    is_random,
    keeps_observations_apart,
    output_batch_axes,
    sub_point,
    take,
)
from layercheck.subject import Evaluation, Gradients, Mode
from layercheck.suites.agreement import (
    called,
    counted,
    disagreement,
    output_pairs,
    passes,
)
from layercheck.suites.batch_parts import APART, fail_to_run, leak, require_batch
from layercheck.suites.evidence import output_name, sizes, source_of_pass, tensors
from layercheck.verdict import Passed, Skipped, fail


def single_observation(case: Case) -> Passed:
    """Every pass runs on one observation, and each axis B then has the size 1.

    At inference a layer usually sees one observation, and the last batch of an epoch may have
    one too. A batch of one is also where an axis gets lost: `np.squeeze(x)` removes every axis
    of length 1, B among them, and `x[0]` or a reshape with sizes of the layout drops it.

    Fix: name the axis, as in `np.squeeze(x, axis=2)`; take sizes from `x.shape` in each call.
    A layer that mixes observations in training (batch normalisation) may refuse to train on one.
    """
    require_batch(case)
    point = case.point(batch=1)
    notes = []
    for mode in passes(case):
        case.base(mode)
        try:
            evaluation = case.evaluate(point, mode)
        except LayerError as error:
            if mode == "forward" and not keeps_observations_apart(case):
                notes.append(f"{called(case, mode)} mixes observations and refuses a single one")
                return Passed(tuple(notes))
            fail_to_run(case, 1, error, mode)
        _require_shapes(case, evaluation, point)
    _require_backward_runs(case, evaluation, point)
    return Passed(tuple(notes))


def other_batch_sizes(case: Case) -> Passed | None:
    """Batches of 2, 3 and an odd number above the layout's run, and agree with one another.

    The last batch of an epoch is smaller, and evaluation takes batches as large as fit. A size
    stored at construction, taken from the layout, or divided by 2 breaks there; a layer whose
    output for an observation depends on how many there are gives another answer at inference.

    Fix: take the batch size from `x.shape` in each call, and keep no buffer of its size. Where
    observations are meant to influence each other, declare `mixes=B` (in training) or `mixes=B!`.
    """
    size = require_batch(case)
    larger = max(size + 1 + size % 2, 5)
    point = sub_point(case, case.point(), np.arange(larger) % size)
    few = sub_point(case, point, range(2)), sub_point(case, point, range(3))
    for mode in passes(case):
        base = case.base(mode)
        many = _run(case, point, mode)
        if _comparable(case, mode):
            _require_same(case, many, base, case.point(), mode)
        for part in few:
            evaluation = _run(case, part, mode)
            if _comparable(case, mode):
                _require_same(case, many, evaluation, part, mode)
    _require_backward_runs(case, many, point)
    _require_backward_runs(case, evaluation, few[-1])
    return None


def _run(case: Case, point: Point, mode: Mode) -> Evaluation:
    try:
        evaluation = case.evaluate(point, mode)
    except LayerError as error:
        fail_to_run(case, _batch_size(point), error, mode)
    _require_shapes(case, evaluation, point)
    return evaluation


def _batch_size(point: Point) -> int:
    return next(x.shape[x.find("B")] for x in point.layouts if "B" in x.format)


def _require_shapes(case: Case, evaluation: Evaluation, point: Point) -> None:
    """Fail where an output has another shape than at the layout, but for its batch axis."""
    base, size = case.base(evaluation.mode).outputs, _batch_size(point)
    axes = output_batch_axes(case)
    if len(base) != len(axes):
        return
    for number, (at_layout, z, axis) in enumerate(zip(base, evaluation.outputs, axes, strict=True)):
        expected = list(np.shape(at_layout))
        if axis is None or axis >= len(expected):
            continue
        expected[axis] = size
        if list(np.shape(z)) != expected:
            name = output_name(number, len(axes))
            fail(
                f"{called(case, evaluation.mode)} returns the {name} in another shape for "
                f"{counted(size, 'observation')}.",
                where=sizes(case, point.layouts),
                source=source_of_pass(case, evaluation.mode),
                details=(
                    f"shape {np.shape(z)}, expected {tuple(expected)}; at B = {case.batch_size} "
                    f"it is {np.shape(at_layout)}",
                ),
                fix=_lost_axis(np.shape(z), tuple(expected)),
            )


def _lost_axis(shape: tuple[int, ...], expected: tuple[int, ...]) -> str | None:
    if len(shape) < len(expected) and 1 in expected:
        return "Name the axis to remove, as in np.squeeze(x, axis=2): without it, B goes too."
    return None


def _require_backward_runs(case: Case, evaluation: Evaluation, point: Point) -> None:
    """Fail where backward, which runs at the layout, does not run here or changes a shape."""
    if case.subject.facts.backward == "none" or not _has_right_shapes(case):
        return
    try:
        gradients = case.pull_back(evaluation, case.upstream(evaluation.outputs))
    except LayerError as error:
        fail_to_run(case, _batch_size(point), error, None)
    for tensor in tensors(case, point, gradients):
        wanted, got = np.shape(tensor.value), np.shape(tensor.gradient)
        if tensor.gradient is not None and wanted != got:
            size = counted(_batch_size(point), "observation")
            fail(
                f"backward() returns the gradient of {tensor.title} in another shape for {size}.",
                where=sizes(case, point.layouts),
                source=case.subject.sources.get("backward"),
                details=(f"shape {got}, expected {wanted}",),
            )


def _has_right_shapes(case: Case) -> bool:
    try:
        gradients: Gradients = case.gradients()
    except Skipped:
        return False
    return all(
        tensor.gradient is None or np.shape(tensor.gradient) == np.shape(tensor.value)
        for tensor in tensors(case, case.point(), gradients)
    )


def _comparable(case: Case, mode: Mode) -> bool:
    """Whether an observation should have the same output in a batch of any size."""
    mixes, one_pass = case.subject.facts.mixes, case.subject.facts.one_pass
    if mixes == "B!" or (mixes == "B" and (mode == "forward" or one_pass)):
        return False
    if mode == "forward" and not keeps_observations_apart(case):
        return False
    return not is_random(case, mode) and len(case.base(mode).outputs) == len(
        output_batch_axes(case)
    )


def _require_same(case: Case, many: Evaluation, few: Evaluation, part: Point, mode: Mode) -> None:
    size, axes = _batch_size(part), output_batch_axes(case)
    first = [
        few_z if axis is None else take(z, np.arange(size), axis)
        for z, few_z, axis in zip(many.outputs, few.outputs, axes, strict=True)
    ]
    differs = disagreement(output_pairs(case, first, few.outputs, mode))
    if differs is None:
        return
    axis = axes[differs.pair.number] or 0
    observation = differs.difference.worst.index[axis] if differs.difference else 0
    fail(
        f"{called(case, mode)} gives the same {size} observations another output in a batch of "
        f"{np.shape(many.outputs[differs.pair.number])[axis]} than in a batch of {size}.",
        source=source_of_pass(case, mode),
        cause=leak(case, mode, min(observation, (case.batch_size or 1) - 1)),
        fix=APART,
        **differs.evidence,
    )
