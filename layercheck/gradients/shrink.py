"""Smaller layouts at which the layer may still show its mistake."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.layout import Layout
from layercheck.where import axis_names

# Sizes that are looked for, smallest first; distinct sizes keep one axis from passing for another.
_SIZES = (2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17)
_FIRST = {"S": 5, "U": 5, "T": 4, "B": 3, "C": 5}
_ROOMY = {"S": 8, "U": 8, "T": 6, "B": 7, "C": 7}
_TIGHT = {"S": 3, "U": 3, "T": 3, "B": 3, "C": 4}
_ORDER = "BTCSU"  # in which labels choose their sizes
_ONE_STEP = 1
SMALL = 700  # elements of all inputs together, up to which a layout is small enough as it is


def small_layouts(
    case: Case, layouts: tuple[Layout, ...] | None = None
) -> Iterator[tuple[Layout, ...]]:
    """Yield the layouts to try: everything but C reduced, then less and less of it, then C too.

    Learnables keep their values, so C is reduced last: few layers run with another. `layouts` are
    those to begin with, the case's own by default.
    """
    seen: set[tuple[Layout, ...]] = set()
    fixed = any(case.options.data_of(name) is not None for name in case.subject.input_names)
    for smaller in _candidates(layouts or case.layouts, only_batch=fixed):
        if smaller not in seen:
            seen.add(smaller)
            yield smaller


def _candidates(layouts: tuple[Layout, ...], only_batch: bool) -> Iterator[tuple[Layout, ...]]:
    if is_small(layouts):
        yield layouts
    if only_batch:
        yield reduced(layouts, "B", _FIRST)
    else:
        tries = [
            reduced(layouts, labels, sizes)
            for labels, sizes in (
                ("SUTB", _TIGHT),
                ("SUTB", _FIRST),
                ("SUTB", _ROOMY),
                ("TB", _FIRST),
                ("B", _FIRST),
                ("SUTBC", _FIRST),
                ("SUTBC", _ROOMY),
            )
        ]
        yield from (smaller for smaller in tries if is_small(smaller))
        yield from tries
    yield layouts


def is_small(layouts: Sequence[Layout]) -> bool:
    """Whether a layout needs no reduction."""
    return sum(math.prod(layout.shape) for layout in layouts) <= SMALL


def reduced(layouts: Sequence[Layout], labels: str, sizes: dict[str, int]) -> tuple[Layout, ...]:
    """Reduce the axes with these labels to small sizes, pairwise distinct where that is possible.

    Axes with the same label and size in several inputs stay equal.
    """
    kept = {n for layout in layouts for label, n in _axes(layout) if label not in labels}
    chosen: dict[tuple[str, int, int], int] = {}
    axes = [axis for layout in layouts for axis in _keyed(layout) if axis[1] in labels]
    for key, label, n in sorted(axes, key=lambda axis: _ORDER.index(axis[1])):
        if key not in chosen:
            chosen[key] = _small_size(n, sizes[label], kept | set(chosen.values()))
    return tuple(
        Layout.of(layout.format, [chosen.get(key, n) for key, _, n in _keyed(layout)])
        for layout in layouts
    )


def one_step(layouts: Sequence[Layout]) -> tuple[Layout, ...] | None:
    """Return the layouts with a single time step; None where there is no T."""
    if not any("T" in layout.format and layout.axis("T") is not None for layout in layouts):
        return None
    return tuple(
        layout.with_size("T", _ONE_STEP) if "T" in layout.format else layout for layout in layouts
    )


def resized(layouts: Sequence[Layout], names: Sequence[str]) -> tuple[Layout, ...] | None:
    """Return the layouts with other sizes, unlike all that there are, on the axes so named.

    None where there are no such axes.
    """
    used = {n for layout in layouts for n in layout.shape}
    sizes: dict[str, int] = {}
    for layout in layouts:
        for name, n in zip(axis_names(layout.labels), layout.shape, strict=True):
            if name in names and name not in sizes:
                free = [size for size in _SIZES if size not in used and size > 1]
                sizes[name] = next((size for size in free if size > n), free[0])
                used.add(sizes[name])
    if not sizes:
        return None
    return tuple(
        Layout.of(
            layout.format,
            [
                sizes.get(name, n)
                for name, n in zip(axis_names(layout.labels), layout.shape, strict=True)
            ],
        )
        for layout in layouts
    )


@dataclass(frozen=True)
class Focus:
    """An element that is wrong: the kind and name of the tensor, and its index (or none)."""

    kind: str
    name: str
    index: tuple[int, ...] = ()


def cropped(
    case: Case, point: Point, layouts: tuple[Layout, ...], focus: Focus
) -> tuple[Point, Focus]:
    """Cut a point down to smaller layouts, around one element of one input.

    What is special about the values (zeros, ties, a range) stays; states are drawn anew.

    Returns
    -------
    point : Point
    focus : Focus
        Where the element is there.
    """
    if layouts == point.layouts:
        return point, focus
    starts = _starts(case, point, layouts, focus)
    inputs, index = [], focus.index
    for name, x, old, new in zip(
        case.subject.input_names, point.inputs, point.layouts, layouts, strict=True
    ):
        begin = [starts.get(key, 0) for key, _, _ in _keyed(old)]
        window = [slice(i, i + n) for i, n in zip(begin, new.shape, strict=True)]
        inputs.append(np.ascontiguousarray(x[tuple(window)]))
        if (focus.kind, focus.name) == ("input", name) and len(index) == len(begin):
            index = tuple(i - start for i, start in zip(index, begin, strict=True))
    states = case.point(sizes=layouts).states
    smaller = replace(point, inputs=tuple(inputs), states=states, layouts=layouts)
    return smaller, replace(focus, index=index)


def _starts(
    case: Case, point: Point, layouts: tuple[Layout, ...], focus: Focus
) -> dict[tuple[str, int, int], int]:
    """Where the window of each axis begins, so that it holds the focus."""
    starts: dict[tuple[str, int, int], int] = {}
    for known, old, new in zip(case.subject.input_names, point.layouts, layouts, strict=True):
        if (focus.kind, focus.name) != ("input", known) or len(focus.index) != old.rank:
            continue
        for (key, _, n), m, i in zip(_keyed(old), new.shape, focus.index, strict=True):
            starts[key] = max(0, min(i - m // 2, n - m))
    return starts


def _small_size(n: int, least: int, used: set[int]) -> int:
    """The smallest size from `least` on that is not used; else the largest below it."""
    above = [size for size in _SIZES if size >= least]
    below = [size for size in reversed(_SIZES) if size < least]
    return next((size for size in (*above, *below) if size <= n and size not in used), n)


def _axes(layout: Layout) -> list[tuple[str, int]]:
    return list(zip(layout.format, layout.shape, strict=True))


def _keyed(layout: Layout) -> list[tuple[tuple[str, int, int], str, int]]:
    """Each axis with a key that is the same for like axes of all inputs."""
    seen: dict[str, int] = {}
    keyed: list[Any] = []
    for label, n in _axes(layout):
        number = seen.get(label, 0)
        seen[label] = number + 1
        keyed.append(((label, number, n), label, n))
    return keyed
