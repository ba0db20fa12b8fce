"""The question whether a size given as ``?`` may be any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.subject import Evaluation, Mode
from layercheck.suites.evidence import source_of_backward, source_of_pass, tensors
from layercheck.suites.gradient_shapes import fail_raised, require_gradient_shape
from layercheck.verdict import skip

_BOTH: tuple[Mode, ...] = ("predict", "forward")


def unknown_sizes(case: Case) -> None:
    """The layer runs at other sizes of the labels whose size is given as ``?``.

    A ``?`` claims that any size will do. Usual causes of a failure: a size kept from the first
    input, and a constant in a reshape.
    """
    if not any(layout.has_unknown for layout in case.subject.layouts):
        skip(f"no size of the layout is unknown; {_with_unknown(case)} claims any size")
    if case.options.data:
        skip("--data gives the values, and so the sizes, of the inputs")
    for layouts in _other_sizes(case.subject.layouts):
        _require_runs_at(case, layouts)


def _with_unknown(case: Case) -> str:
    """The option that leaves a size of the first layout unknown, B where there is one."""
    layout = case.subject.layouts[0]
    label = "B" if "B" in layout.format else layout.format[-1:]
    return f"--layout {layout.with_size(label, None)}" if label else "?"


def _other_sizes(layouts: tuple[Layout, ...]) -> Iterator[tuple[Layout, ...]]:
    """Smaller and larger sizes than those of the case (4, 5, 7, 11), odd and even ones."""
    yield tuple(layout.resolved(3, (6, 8, 9, 10)) for layout in layouts)
    yield tuple(layout.resolved(7, (12, 13, 15, 16)) for layout in layouts)


def _require_runs_at(case: Case, layouts: tuple[Layout, ...]) -> None:
    modes: tuple[Mode, ...] = ("predict",) if case.subject.facts.one_pass else _BOTH
    backward = case.subject.facts.backward != "none"
    for mode in modes:
        case.base(mode)
    if backward:
        case.gradients()
    source = None
    try:
        point = _point_at(case, layouts)
        for mode in modes:
            source = source_of_pass(case, mode)
            evaluation = case.evaluate(point, mode)
        if backward:
            source = source_of_backward(case)
            _require_gradients_at(case, point, evaluation)
    except LayerError as error:
        fail_raised(case, error, source, layouts)


def _require_gradients_at(case: Case, point: Point, evaluation: Evaluation) -> None:
    found = case.pull_back(evaluation, case.upstream(evaluation.outputs))
    for tensor in tensors(case, point, found):
        if tensor.gradient is not None:
            require_gradient_shape(tensor, source_of_backward(case), evaluation)


def _point_at(case: Case, layouts: tuple[Layout, ...]) -> Point:
    """Arguments at other sizes, with the learnables of a layer initialised for them."""
    live = case.subject.build(case.dtype, layouts)
    learnables = tuple(case.cast(w) for w in live.learnables())
    return replace(case.point(sizes=layouts), learnables=learnables)
