"""A Keras layer, model or function as a subject."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from layercheck import (
    DeclarationError,
    Facts,
    Layout,
    Program,
    Request,
    Slot,
    Source,
    Subject,
    example_inputs,
    find_precision,
    program_builder,
)
from layercheck_keras.building import built
from layercheck_keras.engines import engine
from layercheck_keras.passes import passing
from layercheck_keras.program import LayerProgram
from layercheck_keras.variables import Variables
from layercheck_keras.written import is_written


def adapt(request: Request) -> Subject:
    """Turn a layer into a subject."""
    backend = keras.config.backend()
    _require_backend(request, backend)
    used = engine()
    how = passing(request)
    layouts = request.ordered_layouts(how.names)
    build = built(request, how, layouts, used)
    layer = request.layer

    def make(dtype: np.dtype[Any], at: tuple[Layout, ...]) -> Program:
        return LayerProgram(build(at), dtype, how, used)

    found = find_precision(
        lambda dtype: make(dtype, layouts),
        lambda dtype: example_inputs(request, how.names, layouts, dtype),
        hidden="it rounds to float32 on the way"
        if backend == "tensorflow"
        else f"Keras on {backend} computes in float32",
    )
    written, variables = is_written(layer), Variables.of(layer)
    return Subject(
        name=request.name,
        framework="keras",
        convention=f"{_kind(layer)} on {backend}",
        layer=layer,
        source=request.source,
        sources=dict.fromkeys(("predict", "forward", "backward"), _source(request)),
        input_names=how.names,
        layouts=layouts,
        learnables=_slots(variables.learnables, "trainable variable", f"autodiff of {backend}"),
        states=_slots(variables.states, "variable that is not trained"),
        facts=Facts(
            one_pass=not how.training,
            backward="written" if written else "autodiff",
            memory="handed over",
            outputs=request.output_layouts(len(found.outputs)) if found.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=found.dtypes,
            second_order=True,
            forward_mode=not written,
        ),
        build=program_builder(make),
        notes=(*_policy_note(layer), *found.notes),
        packages=tuple(dict.fromkeys(("keras", backend))),
        fresh=request.fresh,
    )


def _require_backend(request: Request, backend: str) -> None:
    declared = request.declarations.backend
    if declared not in (None, backend):
        raise DeclarationError(
            f"{request.name} declares backend={declared}, and Keras was imported with {backend}. "
            f"Pass --declare backend={declared}, which is read before the import."
        )


def _kind(layer: Any) -> str:
    if isinstance(layer, keras.Model):
        return "model"
    return "layer" if isinstance(layer, keras.Layer) else "function"


def _slots(variables: Sequence[Any], found: str, gradient: str | None = None) -> tuple[Slot, ...]:
    names = _paths(variables)
    return tuple(
        Slot(name, np.array(keras.ops.convert_to_numpy(v)), found, gradient)
        for name, v in zip(names, variables, strict=True)
    )


def _paths(variables: Sequence[Any]) -> list[str]:
    """Return the paths below the layer, with dots; numbered where two are the same."""
    parts = [v.path.split("/") for v in variables]
    while all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
        parts = [p[1:] for p in parts]
    names: list[str] = []
    for part in parts:
        name, number = ".".join(part), 1
        while name in names:
            name, number = f"{'.'.join(part)}_{number}", number + 1
        names.append(name)
    return names


def _policy_note(layer: Any) -> tuple[str, ...]:
    policy = getattr(layer, "dtype_policy", None)
    if policy is None or policy.compute_dtype == policy.variable_dtype:
        return ()
    return (
        f"its dtype policy is {policy.name}: the gradients are verified in the dtypes of this "
        "run, and keras.mixed_precision asks about policies",
    )


def _source(request: Request) -> Source:
    layer = request.layer
    function = type(layer).call if isinstance(layer, keras.Layer) else layer
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or type(layer).__module__.partition(".")[0] == "keras":
        return request.source
    return Source(code.co_filename, code.co_firstlineno, function.__qualname__)
