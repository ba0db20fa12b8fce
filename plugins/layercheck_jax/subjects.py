"""From a model to a subject."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck import Facts, Layout, Request, Subject, program_builder
from layercheck_jax.model import Model
from layercheck_jax.passes import Passes
from layercheck_jax.precision import cast
from layercheck_jax.probing import Probe, probe
from layercheck_jax.program import JaxProgram


def make_subject(request: Request, model: Model) -> Subject:
    """Turn a model into a subject."""
    layouts = request.ordered_layouts(model.arguments.inputs)
    values = model.values(layouts)
    found = probe(request, model, layouts, values)
    passes = Passes(model, is_compiled=found.compiled)
    roots = _roots(model.layer)

    def make(dtype: np.dtype[Any], at: tuple[Layout, ...]) -> JaxProgram:
        initial = model.values(at)
        return JaxProgram(
            passes,
            dtype,
            tuple(cast(slot.value, dtype) for slot in values.learnables),
            tuple(cast(slot.value, dtype) for slot in initial.states),
            roots,
        )

    return Subject(
        name=request.name,
        framework="jax",
        convention=model.convention,
        layer=model.layer,
        source=request.source,
        sources=dict(model.sources),
        input_names=model.arguments.inputs,
        layouts=layouts,
        learnables=tuple(replace(slot, gradient="jax.vjp") for slot in values.learnables),
        states=values.states,
        facts=_facts(request, model, found),
        build=program_builder(make, pure=True),
        notes=(*model.notes, *found.notes),
    )


def _facts(request: Request, model: Model, found: Probe) -> Facts:
    backward: Any = "written" if model.convention == "custom_vjp" else "autodiff"
    return Facts(
        one_pass=model.one_pass,
        backward=backward if found.differentiable else "none",
        memory="handed over",
        outputs=request.output_layouts(found.outputs),
        mixes=request.declarations.mixes,
        learnable_gradients=request.declarations.learnable_gradients,
        claims_gpu=True,
        keyed=bool(model.arguments.keys),
        dtypes=found.dtypes,
        second_order=found.second_order,
        forward_mode=found.forward_mode,
    )


def _roots(layer: Any) -> tuple[Any, ...]:
    """The globals of the layer's own module: generators of NumPy may be among them."""
    name = getattr(layer, "__module__", None) or type(layer).__module__
    module = sys.modules.get(name)
    installed = name.partition(".")[0] in ("jax", "flax", "equinox")
    values = () if module is None or installed else tuple(vars(module).values())
    return tuple(v for v in values if isinstance(v, (np.random.Generator, np.random.RandomState)))
