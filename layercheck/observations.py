"""Observations: which axes follow the batch size, and whether observations influence each other.

Facts that several checks need; each is found once for a case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.subject import Evaluation, Mode
from layercheck.tolerances import difference, tolerance

# Every pair of observations is told apart up to this batch size; beyond, two random halves leave
# a given pair together with probability 1/4, and a leak between k pairs unseen with about 1/4^k.
ALL_PAIRS = 16
RANDOM_HALVES = 2


def output_batch_axes(case: Case) -> tuple[int | None, ...]:
    """Return the axis of each output of the training forward that counts observations.

    Declared layouts are believed. Otherwise the layer is run at a second batch size, and the
    axis is the one that follows it; where it cannot run there, an output of an input's rank has
    that input's axis. None: no axis follows the batch size, or the layouts have no common B.

    Raises
    ------
    Skipped
        The training forward raises at the layout itself.
    """
    return case.memo("output_batch_axes", lambda: _output_batch_axes(case))


def _output_batch_axes(case: Case) -> tuple[int | None, ...]:
    outputs = case.base().outputs
    declared = case.subject.facts.outputs or (None,) * len(outputs)
    if case.batch_size is None:
        return (None,) * len(outputs)
    shapes = [np.shape(z) for z in outputs]
    others = _shapes_at_another_size(case)
    return tuple(
        layout.axis("B") if layout is not None else _following_axis(case, shape, other)
        for layout, shape, other in zip(declared, shapes, others or shapes, strict=True)
    )


def _shapes_at_another_size(case: Case) -> list[tuple[int, ...]] | None:
    """The outputs' shapes at `another_size`; None where the layer does not run there."""
    if all(case.subject.facts.outputs) and case.subject.facts.outputs:
        return None
    try:
        other = case.evaluate(case.point(batch=another_size(case)), "forward")
    except LayerError:
        return None
    shapes = [np.shape(z) for z in other.outputs]
    return shapes if len(shapes) == len(case.base().outputs) else None


def another_size(case: Case) -> int:
    """Return a small batch size other than the layout's."""
    return 2 if case.batch_size == 3 else 3


def _following_axis(case: Case, shape: tuple[int, ...], other: tuple[int, ...]) -> int | None:
    """The axis whose size is the batch size both times; an input's own axis wins."""
    size = case.batch_size if shape == other else another_size(case)
    if len(shape) != len(other):
        return None
    axes = [a for a, n in enumerate(shape) if n == case.batch_size and other[a] == size]
    own = [
        layout.axis("B")
        for layout in case.layouts
        if layout.rank == len(shape) and layout.axis("B") in axes
    ]
    if own:
        return own[0]
    return axes[0] if axes and shape != other else None


def output_layouts(case: Case) -> tuple[Layout | None, ...]:
    """Return a layout for each output, to name its elements with.

    The declared format, else that of an input of the same rank with B on the same axis.
    """
    return case.memo("output_layouts", lambda: _output_layouts(case))


def _output_layouts(case: Case) -> tuple[Layout | None, ...]:
    outputs = case.base().outputs
    declared = case.subject.facts.outputs or (None,) * len(outputs)
    return tuple(
        _output_layout(case, layout, np.shape(z), axis)
        for layout, z, axis in zip(declared, outputs, output_batch_axes(case), strict=True)
    )


def _output_layout(
    case: Case, declared: Layout | None, shape: tuple[int, ...], axis: int | None
) -> Layout | None:
    known = [declared] if declared is not None else case.layouts
    for layout in known:
        if layout.rank == len(shape) and (declared is not None or layout.axis("B") == axis):
            return Layout.of(layout.format, shape) if 0 not in shape else None
    return None


def state_batch_axes(case: Case) -> tuple[int | None, ...]:
    """Return the axis of each state that counts observations, found by building at two sizes."""
    return case.memo("state_batch_axes", lambda: _state_batch_axes(case))


def _state_batch_axes(case: Case) -> tuple[int | None, ...]:
    states = case.point().states
    if case.batch_size is None or not states:
        return (None,) * len(states)
    try:
        others = case.point(batch=another_size(case)).states
    except LayerError:
        return (None,) * len(states)
    return tuple(
        _grown_axis(np.shape(s), np.shape(t), case.batch_size, another_size(case))
        for s, t in zip(states, others, strict=True)
    )


def _grown_axis(
    shape: tuple[int, ...], other: tuple[int, ...], size: int, other_size: int
) -> int | None:
    if len(shape) != len(other):
        return None
    pairs = list(zip(shape, other, strict=True))
    axes = [a for a, pair in enumerate(pairs) if pair == (size, other_size)]
    return axes[0] if axes else None


def sub_point(case: Case, point: Point, observations: Sequence[int] | np.ndarray) -> Point:
    """Return the arguments of some of the point's observations, in the given order."""
    chosen = np.asarray(observations)
    return replace(
        point,
        inputs=tuple(
            take(x, chosen, layout.axis("B"))
            for x, layout in zip(point.inputs, point.layouts, strict=True)
        ),
        states=tuple(
            take(s, chosen, axis)
            for s, axis in zip(point.states, state_batch_axes(case), strict=True)
        ),
        layouts=tuple(
            layout.with_size("B", len(chosen)) if "B" in layout.format else layout
            for layout in point.layouts
        ),
    )


def take(array: Any, observations: np.ndarray, axis: int | None) -> Any:
    """Return some observations of an array; all of it where it has no axis for them."""
    return array if axis is None else np.take(array, observations, axis=axis)


def changed_inputs(point: Point, observations: np.ndarray) -> Point:
    """Return `point` with other input values for `observations`, a mask of shape (B,).

    Each gets those of its neighbour, the other way round: they lie in the range that was asked for.
    """
    return replace(
        point,
        inputs=tuple(
            _with_others(x, observations, layout.axis("B"))
            for x, layout in zip(point.inputs, point.layouts, strict=True)
        ),
    )


def _with_others(x: np.ndarray, observations: np.ndarray, axis: int | None) -> np.ndarray:
    if axis is None:
        return x
    changed = x.copy()
    rows, others = (np.moveaxis(array, axis, 0) for array in (changed, x))
    turn = (slice(None), *(slice(None, None, -1),) * (x.ndim - 1))
    rows[observations] = np.roll(others, 1, axis=0)[turn][observations]
    return changed


def keeps_observations_apart(case: Case, mode: Mode = "forward") -> bool:
    """Whether every output follows the batch size and no observation's input changes another's.

    Raises
    ------
    Skipped
        The pass raises at the layout itself.
    """
    axes = output_batch_axes(case)
    return case.batch_size is not None and None not in axes and not observations_meet(case, mode)


def observations_meet(case: Case, mode: Mode = "forward") -> bool:
    """Whether the input of an observation changes the output of another, the seed being the same.

    Outputs that do not follow the batch size belong to no observation.
    """
    if mode == "forward" and case.subject.facts.one_pass:
        mode = "predict"
    return case.memo(
        ("observations_meet", mode),
        lambda: any(leaks(case, mode, half).any() for half in halves(case)),
    )


def is_random(case: Case, mode: Mode) -> bool:
    """Whether the output of a pass depends on the seed."""
    if mode == "forward" or case.subject.facts.one_pass:
        return case.is_random
    return case.memo("is_random", lambda: _depends_on_seed(case))


def _depends_on_seed(case: Case) -> bool:
    base = case.base("predict")
    other = case.evaluate(case.point(), "predict", seed=case.seed + 1)
    return any(
        np.shape(t) != np.shape(z)
        or difference(t, z, tolerance(np.asarray(z), 0.0, case.eps)) is not None
        for t, z in zip(other.outputs, base.outputs, strict=True)
    )


def halves(case: Case) -> Iterator[np.ndarray]:
    """Yield masks of about half of the observations, each followed by its complement."""
    size = case.batch_size or 0
    if size < 2:
        return
    for half in bit_masks(size) if size <= ALL_PAIRS else _random_masks(case, size):
        yield half
        yield ~half


def bit_masks(size: int) -> list[np.ndarray]:
    """Return masks of shape (`size`,) such that any two observations differ in one of them."""
    numbers = np.arange(size)
    return [(numbers >> bit) % 2 == 1 for bit in range((size - 1).bit_length())]


def _random_masks(case: Case, size: int) -> list[np.ndarray]:
    rng = case.rng("halves", size)
    return [np.less(rng.permutation(size), size // 2) for _ in range(RANDOM_HALVES)]


def leaks(case: Case, mode: Mode, changed: np.ndarray) -> np.ndarray:
    """Return which observations, of those not `changed`, have another output then.

    Parameters
    ----------
    changed : array of bool, shape (B,)
        The observations whose inputs are replaced.

    Returns
    -------
    array of bool, shape (B,)
    """
    moved = np.zeros(len(changed), bool)
    if changed.all():
        return moved
    base = case.base(mode)
    other = case.evaluate(changed_inputs(case.point(), changed), mode)
    for number, (z, t, axis) in enumerate(
        zip(base.outputs, other.outputs, output_batch_axes(case), strict=True)
    ):
        if np.shape(z) != np.shape(t):
            return ~changed
        if axis is not None:
            kept = np.flatnonzero(~changed)
            first, second = take(z, kept, axis), take(t, kept, axis)
            if not np.array_equal(first, second):
                limit = limits(case, base)[number]
                moved[kept] |= observations_that_differ(second, first, axis, limit)
    return moved


def limits(case: Case, base: Evaluation) -> tuple[float, ...]:
    """Return the tolerance of each output of the pass at the layout."""
    return case.memo(
        ("limits", base.mode),
        lambda: tuple(
            tolerance(np.asarray(z), change, case.eps)
            for z, change in zip(base.outputs, case.spread(base.mode), strict=True)
        ),
    )


def observations_that_differ(actual: Any, expected: Any, axis: int, limit: float) -> np.ndarray:
    """Return a mask of the observations whose entries differ by more than `limit`."""
    pairs = zip(np.moveaxis(actual, axis, 0), np.moveaxis(expected, axis, 0), strict=True)
    return np.array([difference(a, b, limit) is not None for a, b in pairs], bool)
