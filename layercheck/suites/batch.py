"""The batch suite: the layer runs at any batch size, and its observations do not meet."""

from __future__ import annotations

import numpy as np

from layercheck.case import Case
from layercheck.observations import (
    halves,
    is_random,
    leaks,
    observations_meet,
    sub_point,
    take,
)
from layercheck.subject import Mode
from layercheck.suite import Check, Suite
from layercheck.suites.agreement import (
    Disagreement,
    called,
    counted,
    disagreement,
    output_pairs,
    passes,
)
from layercheck.suites.batch_gradients import input_gradients_independent
from layercheck.suites.batch_learnables import learnable_gradients_additive
from layercheck.suites.batch_parts import (
    APART,
    assemble,
    leak,
    outputs_of,
    require_apart_by_declaration,
    require_following,
    require_several,
    splits,
)
from layercheck.suites.batch_sizes import other_batch_sizes, single_observation
from layercheck.suites.evidence import source_of_pass
from layercheck.verdict import Passed, fail, skip


def observations_independent(case: Case) -> Passed:
    """Each observation gets the output that it gets alone.

    Predict is asked, and the training forward too, unless it alone mixes observations (batch
    normalisation does). An output that depends on who else is in the batch cannot be reproduced
    at inference. The usual causes are a mean, softmax or cumulative sum over the wrong axis, a
    reshape that cuts across observations, and a loop that carries a value to the next one.

    Fix: reduce over the axes of the layout, never over B. Where mixing is meant, declare it:
    `mixes=B` for training alone, `mixes=B!` for always.
    """
    require_several(case)
    require_apart_by_declaration(case)
    notes = []
    for mode in passes(case):
        require_following(case, mode)
        if mode == "forward" and _mixes_in_training(case):
            notes.append(
                f"{called(case, mode)} mixes observations in training, "
                f"{called(case, 'predict')} does not"
            )
            continue
        _require_not_moved(case, mode)
        if not is_random(case, mode):
            _require_as_alone(case, mode)
    return Passed(tuple(notes))


def permutation(case: Case) -> Passed | None:
    """Observations in another order get the same outputs in that order.

    The order of a batch is chance. A layer that treats its first observation, or each position
    of the batch, in a way of its own trains on that chance. The usual causes are a state that
    runs along B instead of T, an index into the batch (`x[0]`), and weights or masks with an
    axis of the batch's length.

    Fix: use no index along B, and no array with an axis of the batch's length.
    """
    size = require_several(case)
    require_apart_by_declaration(case)
    order = case.rng("permutation", size).permutation(size)
    if np.array_equal(order, np.arange(size)):
        order = np.roll(order, 1)
    asked = 0
    for mode in passes(case):
        require_following(case, mode)
        if is_random(case, mode) or (mode == "forward" and _mixes_in_training(case)):
            continue
        _require_permuted(case, mode, order)
        asked += 1
    if not asked:
        skip("the output depends on random numbers, which are drawn in the order of the batch")
    return None


def _mixes_in_training(case: Case) -> bool:
    return case.subject.facts.mixes == "B" or observations_meet(case, "forward")


def _require_not_moved(case: Case, mode: Mode) -> None:
    """Fail where an observation's output moves with another's input."""
    if not observations_meet(case, mode):
        return
    for half in halves(case):
        moved = leaks(case, mode, half)
        if moved.any():
            observation = int(np.flatnonzero(moved)[0])
            cause = leak(case, mode, observation)
            fail(
                f"{called(case, mode)} gives observation {observation} an output that depends on "
                "other observations.",
                where=f"{counted(int(moved.sum()), 'observation')} of the {(~half).sum()} whose "
                "inputs stayed the same",
                source=source_of_pass(case, mode),
                cause=cause,
                fix=APART,
            )


def _require_as_alone(case: Case, mode: Mode) -> None:
    """Fail where an observation's output depends on its place or on the batch size."""
    base, point, axes = case.base(mode), case.point(), require_following(case, mode)
    first = np.array([0])
    outputs = outputs_of(case, point, first, mode)
    row = [
        one if axis is None else take(z, first, axis)
        for z, one, axis in zip(base.outputs, outputs, axes, strict=True)
    ]
    differs = disagreement(output_pairs(case, row, outputs, mode))
    if differs is not None:
        _fail_alone(case, mode, differs, 1)
    for split in splits(case):
        parts = [(part, outputs_of(case, point, part, mode)) for part in split]
        alone = assemble(parts, axes, base.outputs)
        differs = disagreement(output_pairs(case, base.outputs, alone, mode))
        if differs is not None:
            _fail_alone(case, mode, differs, len(split[0]))


def _fail_alone(case: Case, mode: Mode, differs: Disagreement, first: int) -> None:
    alone = "alone" if first == 1 else "in a part of the batch"
    fail(
        f"{called(case, mode)} gives an observation another output in the batch than {alone}.",
        source=source_of_pass(case, mode),
        fix="Use no index along B, and no array with an axis of the batch's length.",
        **differs.evidence,
    )


def _require_permuted(case: Case, mode: Mode, order: np.ndarray) -> None:
    base, axes = case.base(mode), require_following(case, mode)
    outputs = case.evaluate(sub_point(case, case.point(), order), mode).outputs
    expected = [
        other if axis is None else take(z, order, axis)
        for z, other, axis in zip(base.outputs, outputs, axes, strict=True)
    ]
    differs = disagreement(output_pairs(case, outputs, expected, mode))
    if differs is None:
        return
    fail(
        f"{called(case, mode)} gives other outputs to the same observations in another order.",
        source=source_of_pass(case, mode),
        fix="Use no index along B, and no array with an axis of the batch's length.",
        **differs.evidence,
    )


suite = Suite(
    "batch",
    "Any batch size runs, and observations do not influence each other.",
    (
        Check("single_observation", single_observation),
        Check("other_batch_sizes", other_batch_sizes),
        Check("observations_independent", observations_independent),
        Check("permutation", permutation),
        Check("input_gradients_independent", input_gradients_independent),
        Check("learnable_gradients_additive", learnable_gradients_additive),
    ),
)
