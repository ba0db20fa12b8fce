"""Elements of arrays in the labels of a layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layercheck.layout import Layout


def axis_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return ``("S1", "S2", "C", "B")`` for the labels S, S, C, B."""
    counts = {label: list(labels).count(label) for label in labels}
    seen: dict[str, int] = {}
    names = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        names.append(f"{label}{seen[label]}" if counts[label] > 1 else label)
    return tuple(names)


def labels_for(shape: Sequence[int], layout: Layout | None) -> tuple[str, ...] | None:
    """Return a label for each axis of `shape` where it broadcasts against `layout`, else None."""
    if layout is None or len(shape) != len(layout.size):
        return None
    fits = all(n in (1, size) for n, size in zip(shape, layout.size, strict=True))
    return tuple(layout.format) if fits else None


def describe_index(index: Sequence[int], labels: Sequence[str] | None, name: str = "") -> str:
    """Return ``S1=2, S2=0, C=3, B=1``, or ``name[2, 0, 3, 1]`` where there are no labels."""
    if labels is None or len(labels) != len(index):
        return f"{name}[{', '.join(str(int(i)) for i in index)}]"
    return ", ".join(f"{axis}={int(i)}" for axis, i in zip(axis_names(labels), index, strict=True))


def worst_index(error: np.ndarray) -> tuple[int, ...]:
    """Return the index of the largest entry; a NaN counts as largest."""
    flat = np.where(np.isnan(error), np.inf, error)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(flat)), error.shape))
