"""The checks of what a layer says of its output, without computing it."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np

from layercheck import Case, LayerError, fail, skip
from layercheck_keras.program import LayerProgram
from layercheck_keras.trying import attempt, fail_raised, program_of, source

Shape = tuple[int | None, ...]
_SHAPE = "Return the shape that call returns, or remove compute_output_shape: Keras finds it."
_SPEC = "Use keras.ops, and keras.ops.shape(x)[0] or -1 where a size is not known."


def require_shape(case: Case) -> None:
    """Compare ``compute_output_shape`` with the real call."""
    program = program_of(case)
    layer = program.layer
    if type(layer).compute_output_shape is keras.Layer.compute_output_shape:
        skip("the layer has no compute_output_shape of its own; Keras finds the shapes")
    for batch in _batches(case):
        shapes = _input_shapes(case, batch)
        found = attempt("compute_output_shape()", _asked, program, shapes)
        if isinstance(found, LayerError):
            if isinstance(found.original, NotImplementedError):
                skip("the layer has no compute_output_shape of its own")
            fail_raised(case, f"compute_output_shape() raises for {shapes[0]}", found, _SHAPE)
        _compare(case, "compute_output_shape()", _flat(found), batch, _SHAPE)


def _asked(program: LayerProgram, shapes: list[Shape]) -> Any:
    method = program.layer.compute_output_shape
    parameters = inspect.signature(method).parameters
    if len(shapes) > 1 and len(parameters) >= len(shapes):
        return method(*shapes)
    (given,) = program.passing.gather(tuple(shapes)) if len(shapes) > 1 else (shapes[0],)
    return method(given)


def require_spec(case: Case) -> None:
    """Compare the symbolic call with the real one."""
    program = program_of(case)
    for batch in _batches(case):
        shapes = _input_shapes(case, batch)
        dtypes = [x.dtype.name if x.dtype.kind != "f" else None for x in case.point().inputs]
        pairs = zip(shapes, dtypes, strict=True)
        specs = tuple(keras.KerasTensor(s, dtype=d or keras.config.floatx()) for s, d in pairs)
        found = attempt("the symbolic call", _wired, program, specs)
        if isinstance(found, LayerError):
            unknown = " with an unknown batch size" if batch is None else ""
            what = f"The symbolic call{unknown} raises, so no functional model can use the layer"
            fail_raised(case, what, found, _SPEC)
        flat = [tuple(z.shape) for z in keras.tree.flatten(found) if hasattr(z, "shape")]
        _compare(case, "The symbolic call", flat, batch, _SPEC)


def _wired(program: LayerProgram, specs: tuple[Any, ...]) -> Any:
    keywords = dict(program.passing.keywords)
    return program.layer.compute_output_spec(*program.passing.gather(specs), **keywords)


def _batches(case: Case) -> tuple[int | None, ...]:
    """The batch sizes to ask with: the layout's, and an unknown one unless states have it."""
    size = case.batch_size
    stateful = any(getattr(e, "stateful", False) for e in case.subject.layer._flatten_layers())
    return (size,) if size is None or stateful else (size, None)


def _input_shapes(case: Case, batch: int | None) -> list[Shape]:
    shapes = []
    for x, layout in zip(case.point().inputs, case.layouts, strict=True):
        axis = layout.axis("B")
        shape: list[int | None] = list(np.shape(x))
        if axis is not None:
            shape[axis] = batch
        shapes.append(tuple(shape))
    return shapes


def _flat(found: Any) -> list[Shape]:
    """Return the shapes in nested tuples, lists and dicts of them."""
    if isinstance(found, dict):
        return [shape for each in found.values() for shape in _flat(each)]
    if all(n is None or isinstance(n, (int, np.integer)) for n in found):
        return [tuple(found)]
    return [shape for each in found for shape in _flat(each)]


def _compare(case: Case, who: str, found: list[Shape], batch: int | None, fix: str) -> None:
    real = [np.shape(z) for z in case.base("predict").outputs]
    unknown = f" for a batch of {batch}" if batch is not None else " for an unknown batch size"
    if len(found) != len(real):
        fail(
            f"{who} gives {len(found)} outputs{unknown}, and the call returns {len(real)}.",
            source=source(case),
            fix=fix,
        )
    for said, shape in zip(found, real, strict=True):
        fits = len(said) == len(shape) and all(
            a is None or a == b for a, b in zip(said, shape, strict=True)
        )
        if not fits:
            fail(
                f"{who} gives {said}{unknown}, and the call returns {shape}.",
                source=source(case),
                fix=fix,
            )
