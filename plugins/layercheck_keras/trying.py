"""What the checks of the suite ``keras`` share: another call of the case's layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast

import keras
import numpy as np

from layercheck import Case, LayerError, call_layer, difference, fail, skip, tolerance
from layercheck_keras.program import LayerProgram, plain_errors

Arrays = tuple[Any, ...]


def program_of(case: Case) -> LayerProgram:
    """Return a program of the layer, with an object of its own state.

    Raises
    ------
    Skipped
        Predict raises at the layout, or the subject is a function.
    """
    case.base("predict")
    if not isinstance(case.subject.layer, keras.Layer):
        skip("the subject is a function, and no layer")
    live: Any = case.instance()
    return cast(LayerProgram, live.program)


def predicted(case: Case, layer: Any) -> Arrays:
    """Return what another object of the layer predicts, with the case's values."""
    live = case.instance()
    live.layer = layer
    return live.run(_inputs(case), "predict").outputs


def _inputs(case: Case) -> Arrays:
    return tuple(np.array(x) for x in case.point().inputs)


def first_call(case: Case, layer: Any) -> None:
    """Call another object of the layer, so that it has its weights."""
    program = program_of(case)
    inputs = tuple(_own_dtype(x) for x in _inputs(case))
    keywords = dict(program.passing.keywords)
    if program.passing.training:
        keywords.setdefault("training", False)
    given = program.passing.gather(tuple(map(program.engine.tensor, inputs)))
    call_layer("forward()", layer, *given, **keywords)


def _own_dtype(x: np.ndarray) -> np.ndarray:
    return x.astype(keras.config.floatx()) if x.dtype.kind == "f" else x


def own_classes(layer: Any) -> dict[str, Any]:
    """Return the classes in a layer that are not Keras's own, by name."""
    kinds = {type(each) for each in layer._flatten_layers()}
    return {k.__name__: k for k in kinds if k.__module__.partition(".")[0] != "keras"}


def require_same(
    case: Case, actual: Arrays, expected: Arrays, what: str, fix: str, spread: Arrays = ()
) -> None:
    """Fail where outputs differ by more than rounding."""
    if [np.shape(z) for z in actual] != [np.shape(z) for z in expected]:
        shapes = ", ".join(str(np.shape(z)) for z in actual)
        wanted = ", ".join(str(np.shape(z)) for z in expected)
        fail(what, details=(f"shapes {shapes} in place of {wanted}",), source=source(case), fix=fix)
    spreads = spread or case.spread("predict")
    for z, t, moved in zip(actual, expected, spreads, strict=True):
        found = difference(z, t, tolerance(np.asarray(t), moved, case.eps))
        if found is not None:
            fail(what, source=source(case), worst=found.worst, wrong=found.wrong, fix=fix)


def fail_raised(case: Case, what: str, error: LayerError, fix: str) -> NoReturn:
    """Fail since a call raised that should not."""
    said = [line.strip() for line in str(error.original).splitlines() if line.strip()]
    said = [line for line in said if "Error: " in line][-1:] or said  # traced code quotes itself
    place = source(case)
    if error.file:
        place = type(place)(error.file, error.line, error.call)
    text = said[0] if said else ""
    fail(f"{what}: {type(error.original).__name__}: {text[:300]}", source=place, fix=fix)


def source(case: Case) -> Any:
    """Return where the pass is written."""
    return case.subject.sources["predict"]


def attempt(call: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns, or the `LayerError` of what it raises."""
    try:
        with plain_errors():
            return call_layer(call, function, *args, **kwargs)
    except LayerError as error:
        return error
