"""Other sizes for the inputs of a layer, changed alike wherever they mean the same."""

from __future__ import annotations

from collections.abc import Iterator

from layercheck.layout import LABELS, Layout

# A size: its label, which axis of that label it is, and how long.
Size = tuple[str, int, int]
ALL_LABELS = "".join(LABELS)


def other_layouts(layouts: tuple[Layout, ...], labels: str = ALL_LABELS) -> tuple[Layout, ...]:
    """Return layouts in which every size of `labels` is another, and those of two axes differ.

    B becomes small. Others become multiples, which keeps what divides them (heads, groups,
    strides). The same size on the same axis of two inputs stays the same.
    """
    chosen: dict[Size, int] = {}
    taken = {n for layout in layouts for n in layout.shape}
    for size in _distinct_sizes(layouts, labels):
        chosen[size] = _other(size, taken)
        taken.add(chosen[size])
    return tuple(_replaced(layout, chosen) for layout in layouts)


def changes(
    layouts: tuple[Layout, ...], labels: str = ALL_LABELS
) -> Iterator[tuple[str, tuple[Layout, ...]]]:
    """Yield ``(label, layouts)`` with one size of `labels` after another changed alone."""
    taken = {n for layout in layouts for n in layout.shape}
    for size in _distinct_sizes(layouts, labels):
        chosen = {size: _other(size, taken)}
        yield size[0], tuple(_replaced(layout, chosen) for layout in layouts)


def _distinct_sizes(layouts: tuple[Layout, ...], labels: str) -> list[Size]:
    found = dict.fromkeys(size for layout in layouts for size in _sizes(layout))
    return [size for size in found if size[0] in labels]


def _sizes(layout: Layout) -> tuple[Size, ...]:
    labels = layout.format
    return tuple(
        (label, labels[:axis].count(label), n)
        for axis, (label, n) in enumerate(zip(labels, layout.shape, strict=True))
    )


def _other(size: Size, taken: set[int]) -> int:
    label, _, n = size
    candidate = 2 if label == "B" else 2 * n
    while candidate in taken:
        candidate += 1 if label == "B" else n
    return candidate


def _replaced(layout: Layout, chosen: dict[Size, int]) -> Layout:
    return Layout.of(layout.format, (chosen.get(size, size[2]) for size in _sizes(layout)))
