"""Smaller layouts at which the layer may still show its mistake."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.layout import Layout
from layercheck.where import axis_names

# Sizes that are looked for, smallest first; distinct sizes keep one axis from passing for another.
_SIZES = (3, 4, 5, 6, 7, 8, 9, 11, 13, 2, 16, 17, 1)
_FIRST = {"S": 5, "U": 5, "T": 4, "B": 3, "C": 5}
_ROOMY = {"S": 8, "U": 8, "T": 6, "B": 3, "C": 7}
_TIGHT = {"S": 3, "U": 3, "T": 3, "B": 2, "C": 4}
_ONE_STEP = 1
SMALL = 700  # elements of all inputs together, up to which a layout is small enough as it is


def small_layouts(case: Case) -> Iterator[tuple[Layout, ...]]:
    """Yield the layouts to try: everything but C reduced, then less and less of it, then C too.

    Learnables keep their values, so C is reduced last: few layers run with another.
    """
    seen: set[tuple[Layout, ...]] = set()
    fixed = any(case.options.data_of(name) is not None for name in case.subject.input_names)
    for layouts in _candidates(case.layouts, only_batch=fixed):
        if layouts not in seen:
            seen.add(layouts)
            yield layouts


def _candidates(layouts: tuple[Layout, ...], only_batch: bool) -> Iterator[tuple[Layout, ...]]:
    if is_small(layouts):
        yield layouts
    if only_batch:
        yield reduced(layouts, "B", _FIRST)
    else:
        tries = [
            reduced(layouts, labels, sizes)
            for labels, sizes in (
                ("SUTB", _FIRST),
                ("SUTB", _TIGHT),
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
    for layout in layouts:
        for key, label, n in _keyed(layout):
            if label in labels and key not in chosen:
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


def cropped(
    case: Case, point: Point, layouts: tuple[Layout, ...], focus: tuple[str, tuple[int, ...]]
) -> Point:
    """Cut a point down to smaller layouts, around one element of one input.

    What is special about the values (zeros, ties, a range) stays; states are drawn anew.
    """
    fresh = case.point(sizes=layouts)
    starts = _starts(case, point, layouts, focus)
    inputs = []
    for x, old, new in zip(point.inputs, point.layouts, layouts, strict=True):
        window = [
            slice(starts.get(key, 0), starts.get(key, 0) + m)
            for (key, _, _), m in zip(_keyed(old), new.shape, strict=True)
        ]
        inputs.append(np.ascontiguousarray(x[tuple(window)]))
    if layouts == point.layouts:
        return point
    return replace(fresh, inputs=tuple(inputs))


def _starts(
    case: Case, point: Point, layouts: tuple[Layout, ...], focus: tuple[str, tuple[int, ...]]
) -> dict[tuple[str, int, int], int]:
    """Where the window of each axis begins, so that it holds the focus."""
    name, index = focus
    starts: dict[tuple[str, int, int], int] = {}
    for known, old, new in zip(case.subject.input_names, point.layouts, layouts, strict=True):
        if known != name or len(index) != old.rank:
            continue
        for (key, _, n), m, i in zip(_keyed(old), new.shape, index, strict=True):
            starts[key] = max(0, min(i - m // 2, n - m))
    return starts


def _small_size(n: int, least: int, used: set[int]) -> int:
    for size in (*(s for s in _SIZES if s >= least), *_SIZES):
        if size <= n and size not in used:
            return size
    return n


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
