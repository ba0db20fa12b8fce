"""Functions of NDArrays, and ``autograd.Function``, as subjects."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Literal

import mxnet as mx
import numpy as np

from layercheck import (
    Facts,
    Layout,
    Request,
    Slot,
    Source,
    Subject,
    example_inputs,
    find_precision,
    input_names,
    program_builder,
)
from layercheck_mxnet.program import MxnetProgram, Plan
from layercheck_mxnet.sources import require_arguments, source_of
from layercheck_mxnet.trying import HIDDEN, draws


def adapt_function_class(request: Request) -> Subject:
    """Turn an ``autograd.Function`` into a subject: its backward is written by hand."""
    function = request.layer
    sources = {"forward": source_of(function.forward), "backward": source_of(function.backward)}

    def call(layer: Any, arrays: Sequence[Any], **extra: Any) -> Any:
        fresh = copy.copy(layer)  # an object serves one call
        fresh._used = False
        return fresh(*arrays)

    return _subject(request, function.forward, call, sources, "autograd.Function", "written")


def adapt_function(request: Request) -> Subject:
    """Turn a function of NDArrays into a subject."""
    function, extra = request.layer, dict(request.call)
    sources = {"forward": source_of(function)}

    def call(layer: Any, arrays: Sequence[Any]) -> Any:
        return function(*arrays, **extra)

    return _subject(request, function, call, sources, "function", "autodiff")


def _subject(
    request: Request,
    function: Callable[..., Any],
    call: Callable[..., Any],
    sources: dict[str, Source],
    convention: str,
    backward: Literal["written", "autodiff"],
) -> Subject:
    require_arguments(request, function)
    names = input_names(request, function, known=tuple(request.learnables))
    layouts = request.ordered_layouts(names)
    generated = _generated(request)

    def maker(numpy_like: bool, draws: bool = True) -> Callable[..., MxnetProgram]:
        called = f"{getattr(function, '__name__', 'forward')}()"
        values = tuple(generated.values())
        plan = Plan(call, generated=values, numpy_like=numpy_like, draws=draws, called=called)

        def make(dtype: np.dtype[Any], at: tuple[Layout, ...] = layouts) -> MxnetProgram:
            return MxnetProgram(copy.copy(request.layer), plan, dtype)

        return make

    def inputs(dtype: np.dtype[Any]) -> tuple[Any, ...]:
        return example_inputs(request, names, layouts, dtype)

    numpy_like = bool(mx.util.is_np_array())
    precision = find_precision(maker(numpy_like), inputs, hidden=HIDDEN)
    if not precision.outputs:  # it may compute with the arrays of mx.np
        tried = find_precision(maker(not numpy_like), inputs, hidden=HIDDEN)
        numpy_like, precision = (not numpy_like, tried) if tried.outputs else (False, precision)
    make = maker(numpy_like, draws(maker(numpy_like), precision, inputs))
    return Subject(
        name=request.name,
        framework="mxnet",
        convention=convention,
        layer=request.layer,
        source=request.source,
        sources=sources,
        input_names=names,
        layouts=layouts,
        learnables=tuple(
            Slot(name, value, "declared with --learnable", "autograd")
            for name, value in generated.items()
        ),
        states=(),
        facts=Facts(
            one_pass=backward == "written",
            backward=backward,
            memory="handed over",
            outputs=request.output_layouts(len(precision.outputs)) if precision.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=precision.dtypes,
        ),
        build=program_builder(make),
        notes=precision.notes,
        packages=("mxnet",),
        fresh=request.fresh,
    )


def _generated(request: Request) -> dict[str, np.ndarray]:
    found = {}
    for number, (name, shape) in enumerate(request.learnables.items()):
        rng = np.random.default_rng([request.seed, number])
        found[name] = rng.uniform(-1.0, 1.0, shape)
    return found
