"""What the checks of the suite ``tensorflow`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast

import numpy as np
import tensorflow as tf

from layercheck import Case, LayerError, Source, call_layer, difference, fail, skip, tolerance
from layercheck_tensorflow.explaining import message
from layercheck_tensorflow.program import TensorflowProgram

Arrays = tuple[Any, ...]


def program_of(case: Case) -> TensorflowProgram:
    """Return a program of the layer; skips the check where predict raises."""
    case.base("predict")
    live: Any = case.instance()
    return cast(TensorflowProgram, live.program)


def module_of(case: Case) -> Any:
    """Return the module; skips the check where the subject is a function."""
    layer = program_of(case).layer
    if not isinstance(layer, tf.Module):
        skip("the subject is a function, and no module")
    return layer


def is_repeatable(case: Case) -> bool:
    """Whether predict gives the same twice."""
    return not (case.is_random and case.subject.facts.one_pass)


def attempt(call: str, function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns, or the `LayerError` of what it raises."""
    try:
        return call_layer(call, function, *args)
    except LayerError as error:
        return error


def fail_raised(case: Case, what: str, error: LayerError, fix: str) -> NoReturn:
    """Fail since a call raised that should not."""
    place = case.subject.sources["predict"]
    if error.file:
        place = Source(error.file, error.line, error.call)
    name = type(error.original).__name__
    fail(f"{what}: {name}: {message(error.original)}", source=place, fix=fix)


def require_same(case: Case, actual: Arrays, what: str, fix: str) -> None:
    """Fail where outputs are not those of predict."""
    expected = case.base("predict").outputs
    for z, t, moved in zip(actual, expected, case.spread("predict"), strict=True):
        same_shape = np.shape(z) == np.shape(t)
        limit = tolerance(np.asarray(t), moved, case.eps)
        found = difference(z, t, limit) if same_shape else None
        if found is not None or not same_shape:
            fail(
                what,
                where=None if same_shape else f"shape {np.shape(z)} in place of {np.shape(t)}",
                source=case.subject.sources["predict"],
                worst=found.worst if found else None,
                wrong=found.wrong if found else None,
                fix=fix,
            )
