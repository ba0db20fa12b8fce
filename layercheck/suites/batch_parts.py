"""Parts of a batch: which there are, what the layer gives for them, who leaks into whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.observations import (
    ALL_PAIRS,
    another_size,
    halves,
    leaks,
    output_batch_axes,
    sub_point,
)
from layercheck.outcome import Cause
from layercheck.subject import Arrays, Evaluation, Mode
from layercheck.suites.agreement import called, counted, passes
from layercheck.suites.evidence import line_of_error, sizes, source_of_error, source_of_pass
from layercheck.verdict import Skipped, fail, skip

INTENDED = "Where observations are meant to influence each other, say so: --declare mixes={}."
APART = (
    "Take no mean over B, index no single observation; to predict, use the statistics that "
    "training collected. " + INTENDED.format("B!")
)
APART_BACKWARD = (
    "Reduce the gradient of an input over no B, and update nothing before it is computed. "
    + INTENDED.format("B")
)


def require_batch(case: Case) -> int:
    """Return the batch size; skip the check where there is none."""
    if case.batch_size is not None:
        return case.batch_size
    if any("B" in layout.format for layout in case.layouts):
        reason = "the inputs have different sizes of B; give every input the same (--layout)"
    else:
        reason = "no axis is labelled B; label that of the observations (--layout BC:4,6)"
    raise Skipped(reason)


def require_several(case: Case) -> int:
    """Return the batch size; skip the check where it is 1."""
    size = require_batch(case)
    if size == 1:
        skip("the layout has one observation; give B a larger size (--layout)")
    return size


def require_following(case: Case, mode: Mode) -> tuple[int | None, ...]:
    """Return the outputs' batch axes; skip the check where no output of the pass has one."""
    axes, outputs = output_batch_axes(case), case.base(mode).outputs
    if all(axis is None for axis in axes):
        skip("no axis of an output follows the batch size; name its layout (--declare output=CB)")
    fits = len(axes) == len(outputs) and all(
        axis is None or np.shape(z)[axis : axis + 1] == (case.batch_size,)
        for z, axis in zip(outputs, axes, strict=True)
    )
    if not fits:
        skip("needs shapes.forward_matches_predict")
    return axes


def require_apart_by_declaration(case: Case) -> None:
    """Skip the check where observations are declared to mix in every pass."""
    mixes, one_pass = case.subject.facts.mixes, case.subject.facts.one_pass
    if mixes == "B!" or (mixes == "B" and one_pass):
        skip(f"observations are declared to influence each other (mixes={mixes})")


def splits(case: Case) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of index arrays that make up the batch: the first alone, then halves.

    A large batch is cut once, at random, into parts of different sizes.
    """
    size = case.batch_size or 0
    everyone = np.arange(size)
    if size > ALL_PAIRS:
        order = case.rng("split", size).permutation(size)
        yield np.sort(order[: size // 3]), np.sort(order[size // 3 :])
        return
    seen: set[bytes] = set()
    for mask in (everyone == 0, *halves(case)):
        first = mask if mask[0] else ~mask
        if first.tobytes() not in seen and not first.all():
            seen.add(first.tobytes())
            yield everyone[first], everyone[~first]


def outputs_of(case: Case, point: Point, observations: np.ndarray, mode: Mode) -> Arrays:
    """Return the outputs that some observations of `point` have on their own."""
    try:
        evaluation = case.evaluate(sub_point(case, point, observations), mode)
    except LayerError as error:
        stop(case, len(observations), error, mode)
    require_fitting(case, evaluation, len(observations))
    return evaluation.outputs


def require_fitting(case: Case, evaluation: Evaluation, size: int) -> None:
    """Skip the check where an output has another shape than `size` observations should give."""
    whole = case.base(evaluation.mode).outputs
    for z, part, axis in zip(whole, evaluation.outputs, output_batch_axes(case), strict=True):
        if axis is not None and np.shape(part) != _with_size(np.shape(z), axis, size):
            check = "single_observation" if size == 1 else "other_batch_sizes"
            skip(f"needs batch.{check}")


def _with_size(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def stop(case: Case, size: int, error: LayerError, mode: Mode | None) -> NoReturn:
    """Leave the check after an exception at another batch size, which another check reports."""
    if size == 1:
        skip("needs batch.single_observation")
    if not _runs(case, another_size(case)):
        skip("needs batch.other_batch_sizes")
    fail_to_run(case, size, error, mode)


def _runs(case: Case, size: int) -> bool:
    try:
        for mode in passes(case):
            evaluation = case.evaluate(case.point(batch=size), mode)
        if case.subject.facts.backward != "none":
            case.pull_back(evaluation, case.upstream(evaluation.outputs))
    except LayerError:
        return False
    return True


def fail_to_run(case: Case, size: int, error: LayerError, mode: Mode | None) -> NoReturn:
    """Fail: the layer raised at another batch size; `mode` is None for backward."""
    name = "backward()" if mode is None else called(case, mode)
    known = case.subject.sources.get("backward") if mode is None else source_of_pass(case, mode)
    layouts = tuple(
        layout.with_size("B", size) if "B" in layout.format else layout for layout in case.layouts
    )
    fail(
        f"{name} fails on {counted(size, 'observation')}, and runs on {case.batch_size}.",
        where=sizes(case, layouts),
        source=source_of_error(error, known),
        details=(f"{error}", *line_of_error(error)),
        fix="Take the batch size from the shape of the input in each call.",
    )


def assemble(
    parts: Sequence[tuple[np.ndarray, Arrays]], axes: Sequence[int | None], whole: Arrays
) -> list[Any]:
    """Put outputs of parts together in the order of the batch.

    For an output without an axis for observations, `whole`'s own is given.
    """
    return [
        z if axis is None else _assembled([(of, outputs[i]) for of, outputs in parts], axis, z)
        for i, (z, axis) in enumerate(zip(whole, axes, strict=True))
    ]


def _assembled(parts: list[tuple[np.ndarray, Any]], axis: int, whole: Any) -> Any:
    together = np.empty_like(whole)
    rows = np.moveaxis(together, axis, 0)
    for observations, part in parts:
        rows[observations] = np.moveaxis(part, axis, 0)
    return together


def leak(case: Case, mode: Mode, observation: int) -> Cause | None:
    """Return batch-leak where another observation's input changes the output of `observation`."""
    others = np.arange(case.batch_size or 0) != observation
    if not leaks(case, mode, others)[observation]:
        return None
    group = np.flatnonzero(others)
    while len(group) > 1:
        half = group[: len(group) // 2]
        moved = leaks(case, mode, np.isin(np.arange(len(others)), half))[observation]
        rest = group[len(group) // 2 :]
        if not moved and not leaks(case, mode, np.isin(np.arange(len(others)), rest))[observation]:
            break
        group = half if moved else rest
    who = f"observation {group[0]}" if len(group) == 1 else f"observations {_listed(group)}"
    return Cause(
        "batch-leak",
        f"changing only the input of {who} changes the output of observation {observation}: "
        f"{called(case, mode)} mixes observations.",
        {"changed": [int(i) for i in group], "moved": observation},
    )


def _listed(group: np.ndarray) -> str:
    if len(group) <= 4:
        return ", ".join(map(str, group))
    return f"{group[0]}, {group[1]}, ... {group[-1]}"
