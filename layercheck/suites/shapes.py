"""Shapes: the passes run at the layout, and what they return has the sizes it should have."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError, ReturnError
from layercheck.layout import Layout
from layercheck.observations import keeps_observations_apart, limits, output_layouts
from layercheck.outcome import Source
from layercheck.subject import Evaluation, Mode
from layercheck.suite import Check, Suite
from layercheck.suites.evidence import (
    name_of_pass,
    output_name,
    source_of_backward,
    source_of_pass,
    tensors,
)
from layercheck.suites.gradient_shapes import fail_raised, require_gradient_shape
from layercheck.suites.orders import fitting_layouts
from layercheck.suites.unknown_sizes import unknown_sizes
from layercheck.tolerances import difference
from layercheck.verdict import fail, skip
from layercheck.where import describe_index, labels_for

_BOTH: tuple[Mode, ...] = ("predict", "forward")


def predict(case: Case) -> None:
    """Predict runs at the layout and returns arrays.

    Every other check needs it. Usual causes: sizes that do not fit the constructor's arguments,
    axes in another order than the layout's labels, a constant that fits one batch size only.
    Compare the sizes in the message with what the layer was built for.
    """
    _require_runs(case, "predict")


def forward(case: Case) -> None:
    """The forward pass of training runs at the layout and returns arrays.

    Gradients are those of this pass. Usual causes of an exception are those of
    ``shapes.predict``.
    """
    if case.subject.facts.one_pass:
        skip("predict and forward are one pass")
    _require_runs(case, "forward")


def _require_runs(case: Case, mode: Mode) -> None:
    source = source_of_pass(case, mode)
    _require_callable(case, source, mode)
    try:
        case.attempt(mode)
    except ReturnError:
        skip("needs contract.signatures")
    except LayerError as error:
        fail_raised(case, error, source, case.layouts, _other_order(case, mode))


def _other_order(case: Case, mode: Mode) -> str | None:
    """Say in which order of axes the layer runs, where it is another one."""
    layouts = fitting_layouts(case, mode)
    if layouts is None:
        return None
    options = " ".join(f"--layout {layout}" for layout in layouts)
    formats = " and ".join(layout.format for layout in layouts)
    return f"The layer runs with its axes in the order {formats}: pass {options}."


def _require_callable(case: Case, source: Source | None, name: str) -> None:
    """Skip where the arguments do not fit: that is what contract.signatures asks."""
    called = (source.function if source else None) or name
    start = f"{called.partition('(')[0].rpartition('.')[2]}("
    if any(problem.startswith(start) for problem in case.subject.facts.signatures):
        skip("needs contract.signatures")


def forward_matches_predict(case: Case) -> None:
    """Predict and forward return arrays of the same sizes, and of the same values if they can.

    A network is trained with one pass and used with the other. Values are compared where the
    layer is neither random nor stateful and keeps observations apart: then there is no reason
    for a difference. Usual cause: a term that only one of the two has.
    """
    if case.subject.facts.one_pass:
        skip("predict and forward are one pass")
    first, second = case.base("predict"), case.base("forward")
    source = source_of_pass(case, "forward")
    names = name_of_pass(case, "predict"), name_of_pass(case, "forward")
    _require_same_sizes(names, first, second, source)
    if not case.subject.states and not case.is_random and keeps_observations_apart(case):
        _require_same_values(case, names, first, second, source)


def _require_same_sizes(
    names: tuple[str, str], first: Evaluation, second: Evaluation, source: Source | None
) -> None:
    predict, forward = names
    shapes = [[np.shape(z) for z in done.outputs] for done in (first, second)]
    if len(shapes[0]) != len(shapes[1]):
        fail(
            f"{predict} returns {len(shapes[0])} outputs and {forward} {len(shapes[1])}.",
            source=source,
            fix="Return the same outputs from both.",
        )
    for number, (a, b) in enumerate(zip(*shapes, strict=True)):
        if a != b:
            fail(
                f"The {output_name(number, len(shapes[0]))} has shape {a} in {predict} and "
                f"{b} in {forward}.",
                source=source,
                fix="Return the same sizes from both.",
            )


def _require_same_values(
    case: Case,
    names: tuple[str, str],
    first: Evaluation,
    second: Evaluation,
    source: Source | None,
) -> None:
    predict, forward = names
    count = len(first.outputs)
    bounds = map(max, limits(case, first), limits(case, second))
    for number, (a, b, limit, layout) in enumerate(
        zip(first.outputs, second.outputs, bounds, output_layouts(case), strict=True)
    ):
        found = difference(b, a, limit)
        if found is not None:
            labels = labels_for(np.shape(a), layout)
            fail(
                f"{forward} and {predict} return another {output_name(number, count)} for the "
                "same input, though the layer is neither random nor stateful.",
                where=f"{found.wrong} of {np.size(a)} elements; worst at "
                f"{describe_index(found.worst.index, labels, 'z')}: "
                f"{found.worst.analytic:.6g} in {forward}, "
                f"{found.worst.numeric:.6g} in {predict}",
                source=source,
                worst=found.worst,
                wrong=found.wrong,
                fix="Compute the same in both.",
            )


def output_layout(case: Case) -> None:
    """Every output has the layout that is declared for it.

    The next layer is built for the declared sizes. Usual causes: a label that the layer drops
    or moves, and a size computed for another stride or padding.
    """
    declared = case.subject.facts.outputs
    if not any(layout is not None for layout in declared):
        skip(
            "no output layout is declared; output_layout(self, layout) or "
            "--declare output=FORMAT says it"
        )
    outputs = case.base().outputs
    source = case.subject.sources.get("output_layout") or source_of_pass(case, "forward")
    if len(declared) != len(outputs):
        fail(
            f"{len(declared)} output layouts are declared, and there are {len(outputs)} outputs.",
            source=source,
            fix="Declare one layout for each output.",
        )
    for number, (layout, z) in enumerate(zip(declared, outputs, strict=True)):
        problem = None if layout is None else _misfit(case, layout, np.shape(z))
        if problem is not None:
            fail(
                f"The {output_name(number, len(outputs))} is declared as {layout}, and {problem}.",
                where=output_name(number, len(outputs)),
                source=source,
                fix="Declare the layout that the output has, or return the one declared.",
            )


def _misfit(case: Case, layout: Any, shape: tuple[int, ...]) -> str | None:
    """Say how an output's shape differs from its layout; None where it does not."""
    if not isinstance(layout, Layout):
        return f"that is no layout but of type {type(layout).__name__}"
    if layout.rank != len(shape):
        return f"its shape is {shape}"
    for label, declared, n in zip(layout.format, layout.size, shape, strict=True):
        expected = case.batch_size if label == "B" and declared is None else declared
        if expected is not None and expected != n:
            return f"its shape is {shape}: {label} has size {n}, not {expected}"
    return None


def gradients(case: Case) -> None:
    """Backward runs, and each gradient has the shape of its array.

    NumPy broadcasts a gradient of a wrong shape into an update without a word: a bias of shape
    (3,) becomes (8, 3) after one step. Usual causes: no sum over the axes along which a
    learnable was broadcast, a sum over too many, a missing ``keepdims=True``, a transposed
    product. None is right for integer inputs only.
    """
    case.require_backward()
    evaluation = case.base()
    source = source_of_backward(case)
    _require_callable(case, source, "backward")
    try:
        found = case.attempt_gradients()
    except ReturnError:
        skip("needs contract.signatures")
    except LayerError as error:
        if case.backward_check != "shapes.gradients":
            skip(f"needs {case.backward_check}")
        fail_raised(case, error, source, case.layouts)
    else:
        paired = {slot.name for slot in case.subject.learnables if slot.gradient is not None}
        for tensor in tensors(case, case.point(), found):
            if tensor.kind != "learnable" or tensor.name in paired:
                require_gradient_shape(tensor, source, evaluation)


suite = Suite(
    "shapes",
    "The passes run at the layout, and sizes are what they should be.",
    (
        Check("predict", predict, dtypes="all"),
        Check("forward", forward, dtypes="all"),
        Check("forward_matches_predict", forward_matches_predict),
        Check("output_layout", output_layout),
        Check("gradients", gradients, dtypes="all"),
        Check("unknown_sizes", unknown_sizes),
    ),
)
