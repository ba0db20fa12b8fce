"""The order of axes that a layer runs with, where it does not run with the one it was given."""

from __future__ import annotations

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.subject import Mode

# Orders that frameworks use: channels first, channels last, time first, sequences, MATLAB's.
_ORDERS = ("BCST", "BSTC", "TBCS", "BTCS", "STCB")


def fitting_layouts(case: Case, mode: Mode) -> tuple[Layout, ...] | None:
    """Return the layouts in the first other order in which a pass runs; None where none does."""
    if case.subject.framework == "numpy" or case.options.data:
        return None
    for order in _ORDERS:
        layouts = tuple(_ordered(layout, order) for layout in case.subject.layouts)
        if layouts == case.subject.layouts:
            continue
        try:
            sizes = tuple(layout.resolved() for layout in layouts)
            case.evaluate(case.point(sizes=sizes), mode)
        except LayerError:
            continue
        return layouts
    return None


def _ordered(layout: Layout, order: str) -> Layout:
    """The same axes in another order; those without a place in it keep theirs."""
    if any(label not in order for label in layout.format):
        return layout
    axes = sorted(range(layout.rank), key=lambda axis: order.index(layout.format[axis]))
    return Layout("".join(layout.format[a] for a in axes), tuple(layout.size[a] for a in axes))
