"""Gluon blocks as subjects: parameters are learnables, auxiliary ones states."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.gluon.rnn.rnn_cell import RecurrentCell

from layercheck import (
    Facts,
    Layout,
    Request,
    Slot,
    Source,
    Subject,
    UsageError,
    example_inputs,
    find_precision,
    input_names,
    program_builder,
)
from layercheck_mxnet.program import MxnetProgram, Plan
from layercheck_mxnet.random import MxnetGenerator
from layercheck_mxnet.sources import require_arguments, source_of
from layercheck_mxnet.trying import HIDDEN, draws

_CALLS = (mx.gluon.Block.__call__, mx.gluon.HybridBlock.__call__)
_WIDTHS = (np.dtype(np.float32), np.dtype(np.float64))


def adapt_block(request: Request) -> Subject:
    """Turn a block into a subject."""
    block = request.layer
    names, call = _call_of(request, block)
    layouts = request.ordered_layouts(names)
    numpy_like = bool(mx.util.is_np_array())
    plan = Plan(call, numpy_like=numpy_like)
    layer = _initialised(request, plan, names, layouts)
    learnables, states, frozen = _sorted_parameters(layer)
    plan = Plan(call, tuple(learnables), tuple(states), numpy_like=numpy_like)

    def make(dtype: np.dtype[Any], at: tuple[Layout, ...] = layouts) -> MxnetProgram:
        cast = copy.deepcopy(layer)
        cast.cast(dtype.name)
        return MxnetProgram(cast, plan, dtype)

    def inputs(dtype: np.dtype[Any]) -> tuple[Any, ...]:
        return example_inputs(request, names, layouts, dtype)

    precision = find_precision(make, inputs, hidden=HIDDEN)
    plan = replace(plan, draws=draws(make, precision, inputs))
    return Subject(
        name=request.name,
        framework="mxnet",
        convention="hybrid block" if isinstance(block, mx.gluon.HybridBlock) else "block",
        layer=block,
        source=request.source,
        sources=_sources(block, layer),
        input_names=names,
        layouts=layouts,
        learnables=_slots(learnables, "parameter", "autograd"),
        states=_slots(states, "auxiliary parameter", None),
        facts=Facts(
            one_pass=False,
            backward="autodiff",
            memory="handed over",
            outputs=request.output_layouts(len(precision.outputs)) if precision.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=precision.dtypes,
        ),
        build=program_builder(make),
        notes=(*precision.notes, *_notes(frozen)),
        packages=("mxnet",),
        fresh=request.fresh,
    )


def _call_of(
    request: Request, block: Any
) -> tuple[tuple[str, ...], Callable[[Any, Sequence[Any]], Any]]:
    """Return the names of a block's inputs, and how it is called with them."""
    extra = dict(request.call)
    require_arguments(request, _signature_of(block))
    if isinstance(block, RecurrentCell):
        count = len(block.state_info(1))
        names = ("inputs", *(f"state{i + 1}" for i in range(count)))
        return names, lambda layer, arrays: layer(arrays[0], list(arrays[1:]), **extra)
    found = input_names(request, _signature_of(block), known=("F", *block._reg_params))

    def call(layer: Any, arrays: Sequence[Any]) -> Any:
        return layer(*arrays, **extra)

    return found, call


def _signature_of(block: Any) -> Callable[..., Any]:
    """Return the method whose parameters are the block's inputs."""
    kind = type(block)
    if kind.__call__ not in _CALLS:
        return _bound(block, kind.__call__)
    plain = getattr(kind, "hybrid_forward", None)
    if plain is not None and kind.forward is mx.gluon.HybridBlock.forward:
        return _bound(block, plain)
    return _bound(block, kind.forward)


def _bound(block: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    bound: Callable[..., Any] = inspect.unwrap(function).__get__(block)
    return bound


def _initialised(
    request: Request, plan: Plan, names: tuple[str, ...], layouts: tuple[Layout, ...]
) -> Any:
    """Return a copy of a block whose parameters all have values, of the layout's sizes."""
    block = copy.deepcopy(request.layer)
    generator = MxnetGenerator()
    generator.seed(request.seed)
    _give_values(block)
    if not _waiting(block):
        return block
    errors: list[Exception] = []
    for dtype in _WIDTHS:
        inputs = example_inputs(request, names, layouts, dtype)
        try:
            MxnetProgram(block, plan, dtype).run((), (), inputs, "predict", record=False)
            break
        except Exception as error:
            errors.append(error)
    left = _waiting(block)
    if left and errors:
        raise errors[0]
    if left:
        raise UsageError(
            f"The forward pass of {request.name} does not use {', '.join(left)}, so its shape is "
            "not known. Give it a shape in the constructor, or remove it."
        )
    return block


def _give_values(block: Any) -> None:
    """Initialise the parameters that nobody has initialised."""
    for parameter in block.collect_params().values():
        if parameter._data is None and not parameter._deferred_init:
            parameter.initialize()


def _waiting(block: Any) -> list[str]:
    known = block._collect_params_with_prefix()
    return [name for name, parameter in known.items() if parameter._data is None]


def _sorted_parameters(block: Any) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return the learnables, the states and the names of what is neither, each once."""
    learnables: dict[str, Any] = {}
    states: dict[str, Any] = {}
    frozen: list[str] = []
    seen: set[int] = set()
    for name, parameter in block._collect_params_with_prefix().items():
        if id(parameter) in seen:
            continue
        seen.add(id(parameter))
        if parameter.grad_req != "null":
            learnables[name] = parameter
        elif not parameter._differentiable and not isinstance(parameter, mx.gluon.Constant):
            states[name] = parameter
        elif not isinstance(parameter, mx.gluon.Constant):
            frozen.append(name)
    return learnables, states, frozen


def _slots(found: dict[str, Any], how: str, gradient: str | None) -> tuple[Slot, ...]:
    return tuple(Slot(name, p.data().asnumpy(), how, gradient) for name, p in found.items())


def _notes(frozen: list[str]) -> tuple[str, ...]:
    if not frozen:
        return ()
    verb = "is" if len(frozen) == 1 else "are"
    return (f"{', '.join(frozen)} {verb} frozen (grad_req='null'): no gradient is asked",)


def _sources(block: Any, layer: Any) -> dict[str, Source]:
    source = source_of(_signature_of(block))
    name = source.function or "forward"
    return {
        "predict": Source(source.file, source.line, f"{name}() in predict_mode"),
        "forward": Source(source.file, source.line, f"{name}() in train_mode"),
    }
