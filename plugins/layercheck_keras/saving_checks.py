"""The checks of configurations and of saved weights."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from layercheck import Case, LayerError, fail, skip
from layercheck_keras.trying import (
    attempt,
    fail_raised,
    first_call,
    own_classes,
    predicted,
    program_of,
    require_same,
    source,
)
from layercheck_keras.variables import Variables

_CONFIG = "Return every argument of __init__ from get_config, beside super().get_config()."


def require_config(case: Case) -> None:
    """Rebuild the layer from its configuration."""
    layer = program_of(case).layer
    if _is_subclassed(layer):
        skip("a subclassed model is saved by its code, unless it has get_config")
    again = _rebuilt(layer)
    if isinstance(again, LayerError):
        fail_raised(case, f"{again.call} raises", again, _CONFIG)
    built = attempt("forward()", first_call, case, again)
    if isinstance(built, LayerError):
        fail_raised(case, "The rebuilt layer does not run", built, _CONFIG)
    _require_same_weights(case, again, layer)
    if case.is_random and case.subject.facts.one_pass:
        return
    what = "The layer that from_config(get_config()) makes predicts something else."
    require_same(case, predicted(case, again), case.base("predict").outputs, what, _CONFIG)


def _is_subclassed(layer: Any) -> bool:
    return isinstance(layer, keras.Model) and type(layer).get_config is keras.Model.get_config


def _rebuilt(layer: Any) -> Any:
    """Return another object of the layer, or the error of what is in the way."""
    config = attempt("get_config()", layer.get_config)
    if isinstance(config, LayerError):
        return config
    with keras.saving.custom_object_scope(own_classes(layer)):
        return attempt("from_config()", type(layer).from_config, config)


def _require_same_weights(case: Case, again: Any, layer: Any) -> None:
    found = [Variables.of(each) for each in (again, layer)]
    rows = {
        "trainable": [each.learnables for each in found],
        "other": [each.states for each in found],
    }
    for kind, row in rows.items():
        shapes = [[tuple(v.shape) for v in variables] for variables in row]
        if shapes[0] != shapes[1]:
            fail(
                f"The layer that from_config(get_config()) makes has other {kind} weights.",
                details=(f"shapes {shapes[0]} in place of {shapes[1]}",),
                source=source(case),
                fix=_CONFIG,
            )


def require_saved(case: Case) -> None:
    """Save the weights of a model with the layer, and load them into another."""
    layer = program_of(case).layer
    if not layer.weights:
        skip("the layer has no weights")
    models = [_model(case, layer) for _ in range(2)]
    first, second = models
    _fill(first, case)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "layer.weights.h5")
        for call, function in (("save", first.save_weights), ("load", second.load_weights)):
            failed = attempt(f"{call}_weights()", function, path)
            if isinstance(failed, LayerError):
                fail_raised(case, f"The weights cannot be {_done(call)}", failed, _WEIGHTS)
    pairs = zip(first.weights, second.weights, strict=True)
    lost = [a.path for a, b in pairs if not np.array_equal(_value(a), _value(b))]
    if lost or len(first.weights) != len(second.weights):
        fail(
            f"The weights {', '.join(lost)} are not the same after they were saved and loaded.",
            source=source(case),
            fix=_WEIGHTS,
        )


_WEIGHTS = "Make weights with self.add_weight in __init__ or build, under the same names."


def _done(call: str) -> str:
    return "saved" if call == "save" else "loaded"


def _value(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))


def _model(case: Case, layer: Any) -> Any:
    """A functional model with another object of the layer."""
    again = _rebuilt(layer)
    if isinstance(again, LayerError):
        skip("needs keras.config_round_trip")
    if isinstance(again, keras.Model):
        built = attempt("forward()", first_call, case, again)
        return skip("needs keras.config_round_trip") if isinstance(built, LayerError) else again
    program = program_of(case)
    specs = tuple(
        keras.Input(batch_shape=x.shape, dtype=x.dtype.name if x.dtype.kind != "f" else None)
        for x in case.point().inputs
    )
    outputs = attempt("the symbolic call", again, *program.passing.gather(specs))
    if isinstance(outputs, LayerError):
        skip("needs keras.compute_output_spec")
    return keras.Model(list(specs), outputs)


def _fill(model: Any, case: Case) -> None:
    rng = case.rng("keras", "weights")
    for variable in model.weights:
        value = _value(variable)
        if value.dtype.kind == "f":
            variable.assign(rng.uniform(0.5, 1.5, value.shape).astype(value.dtype))
