"""The checks of ``tf.function``."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from layercheck import Case, LayerError, skip
from layercheck_tensorflow.program import TensorflowProgram
from layercheck_tensorflow.trying import (
    attempt,
    fail_raised,
    is_repeatable,
    program_of,
    require_same,
)

_GRAPH = "Use TensorFlow's operations, tf.where or tf.cond, and variables for what a call changes."
_BATCH = "Use tf.shape(x)[0] or -1 for the batch size."


def require_graph_agrees(case: Case) -> None:
    """Compare the traced call with the eager one, twice; what is traced already runs eagerly."""
    program = program_of(case)
    for _ in range(2):
        found = attempt("forward()", _traced, case, program, None)
        if isinstance(found, LayerError):
            fail_raised(case, "The layer runs, and not in tf.function", found, _GRAPH)
        if is_repeatable(case):
            require_same(
                case, found, "Traced by tf.function the layer gives another output.", _GRAPH
            )
    eager = attempt("forward()", _eager, case, program)
    if isinstance(eager, LayerError):
        fail_raised(case, "The layer runs in tf.function, and not eagerly", eager, _GRAPH)
    if is_repeatable(case):
        require_same(case, eager, "Run eagerly the layer gives another output.", _GRAPH)


def require_unknown_batch_size(case: Case) -> None:
    """Trace with None for the batch size."""
    if case.batch_size is None:
        skip("the layouts have no common B")
    program = program_of(case)
    found = attempt("forward()", _traced, case, program, "B")
    if isinstance(found, LayerError):
        what = "The layer cannot be traced with an unknown batch size"
        fail_raised(case, what, found, _BATCH)
    if is_repeatable(case):
        what = "Traced with an unknown batch size the layer gives another output."
        require_same(case, found, what, _BATCH)


def _traced(case: Case, program: TensorflowProgram, unknown: str | None) -> tuple[Any, ...]:
    """Return what the traced call gives; labels that are `unknown` are traced as None."""
    point = case.point()
    call, leaves = program.prepared(point.learnables, point.states, point.inputs, "predict")
    count = len(point.inputs)
    own = leaves[count:]

    def outputs(*inputs: Any) -> Any:
        return call((*inputs, *own))[0]

    signature = [
        _spec(x, layout.format, unknown) for x, layout in zip(leaves, case.layouts, strict=False)
    ]
    traced = tf.function(outputs, input_signature=signature)
    with program.own():
        found = traced(*leaves[:count])
    return tuple(np.array(z) for z in found)


def _spec(x: Any, format: str, unknown: str | None) -> Any:
    shape = [None if label == unknown else n for label, n in zip(format, x.shape, strict=True)]
    return tf.TensorSpec(shape, x.dtype)


def _eager(case: Case, program: TensorflowProgram) -> tuple[Any, ...]:
    point = case.point()
    call, leaves = program.prepared(point.learnables, point.states, point.inputs, "predict")
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        with program.own():
            outputs, _ = call(leaves)
    finally:
        tf.config.run_functions_eagerly(before)
    return tuple(np.array(z) for z in outputs)
