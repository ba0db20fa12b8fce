"""Functions, and ``torch.autograd.Function`` classes, as subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from layercheck import Facts, Layout, Request, Slot, Source, Subject, input_names, program_builder
from layercheck_torch.arguments import arguments_of
from layercheck_torch.copies import copied
from layercheck_torch.program import Plan, TorchProgram
from layercheck_torch.sources import source_of
from layercheck_torch.trying import cast, tried


def function_class(obj: Any) -> Any:
    """Return the ``autograd.Function`` that a class, or its ``apply``, is; None: it is none."""
    owner = getattr(obj, "__self__", None) if getattr(obj, "__name__", "") == "apply" else obj
    is_one = isinstance(owner, type) and issubclass(owner, torch.autograd.Function)
    return owner if is_one and owner is not torch.autograd.Function else None


def adapt_function_class(request: Request) -> Subject:
    """Turn an ``autograd.Function`` into a subject: its backward is written by hand."""
    cls = function_class(request.layer)
    assert cls is not None
    with_context = cls.setup_context is torch.autograd.Function.setup_context
    forward = _without_first(cls.forward) if with_context else cls.forward
    written = cls.vjp if cls.backward is torch.autograd.Function.backward else cls.backward
    sources = {"forward": source_of(cls.forward), "backward": source_of(written)}
    if cls.jvp is not torch.autograd.Function.jvp:
        sources["jvp"] = source_of(cls.jvp)
    return _subject(
        request,
        forward,
        lambda layer: cls.apply,
        sources,
        convention="autograd.Function",
        backward="written",
    )


def adapt_function(request: Request) -> Subject:
    """Turn a function of tensors into a subject."""
    function = request.layer
    return _subject(
        request,
        function,
        lambda layer: layer,
        {"forward": source_of(function)},
        convention="function",
        backward="autodiff",
    )


def _subject(
    request: Request,
    forward: Callable[..., Any],
    call: Callable[[Any], Callable[..., Any]],
    sources: dict[str, Source],
    *,
    convention: str,
    backward: Any,
) -> Subject:
    generated = _generated(request)
    names = input_names(request, forward, known=tuple(name for name, _ in generated))
    layouts = request.ordered_layouts(names)
    every = (*names, *(name for name, _ in generated))
    arguments = arguments_of(forward, every, request.call)
    called = f"{request.name}()" if convention == "function" else "forward()"
    plan = Plan(call, names, arguments, generated=generated, called=called)
    found = tried(request, plan, layouts, ())

    def make(dtype: np.dtype[Any], at: tuple[Layout, ...]) -> TorchProgram:
        return TorchProgram(cast(copied(found.layer), dtype), plan, dtype)

    return Subject(
        name=request.name,
        framework="torch",
        convention=convention,
        layer=request.layer,
        source=request.source,
        sources=sources,
        input_names=names,
        layouts=layouts,
        learnables=tuple(
            Slot(name, value, "given by --learnable", "autograd") for name, value in generated
        ),
        states=(),
        facts=Facts(
            one_pass=True,
            backward=backward,
            memory="handed over",
            outputs=request.output_layouts(found.outputs) if found.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=found.dtypes,
            second_order=True,
            forward_mode=True,
        ),
        build=program_builder(make),
        notes=found.notes,
        packages=("torch",),
    )


def _generated(request: Request) -> tuple[tuple[str, Any], ...]:
    """Return values for the learnables that ``--learnable`` asks for."""
    rng = np.random.default_rng(request.seed)
    return tuple(
        (name, rng.standard_normal(shape).astype(np.float32).astype(np.float64))
        for name, shape in request.learnables.items()
    )


def _without_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the signature of `function`, but for ctx."""
    import inspect

    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[1:]

    def forward(*args: Any) -> None: ...

    forward.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    return forward
