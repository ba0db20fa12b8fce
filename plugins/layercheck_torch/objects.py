"""Objects that compute with tensors and are no modules: tensors that require a gradient learn."""

from __future__ import annotations

from typing import Any

import torch

from layercheck import Facts, Layout, Request, Slot, Subject, packages_used, program_builder
from layercheck import input_names as names_of
from layercheck_torch.arguments import arguments_of
from layercheck_torch.copies import copied
from layercheck_torch.holding import Holding, named_learnables
from layercheck_torch.program import Plan, TorchProgram
from layercheck_torch.sources import source_of
from layercheck_torch.trying import cast, tried

_PASSES = ("forward", "__call__")


def pass_of(obj: Any) -> str | None:
    """Return the name of the pass of a class or object of a user's own that uses PyTorch.

    Those with a backward of their own are not PyTorch's to differentiate. Of classes only
    ``forward`` tells: much that is no layer can be called.
    """
    cls = obj if isinstance(obj, type) else type(obj)
    foreign = cls.__module__.partition(".")[0] in ("torch", "builtins", "functools")
    if foreign or issubclass(cls, (torch.nn.Module, torch.autograd.Function)):
        return None
    if hasattr(cls, "backward"):
        return None
    for name in _PASSES[:1] if isinstance(obj, type) else _PASSES:
        function = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        if function is not None and "torch" in packages_used(function):
            return name
    return None


def adapt_object(request: Request) -> Subject:
    """Turn an object into a subject."""
    name = pass_of(request.layer)
    assert name is not None
    forward = getattr(request.layer, name)
    names = names_of(request, forward)
    layouts = request.ordered_layouts(names)
    arguments = arguments_of(forward, names, request.call)
    bare = Plan(lambda layer: getattr(layer, name), names, arguments, called=f"{name}()")
    found = tried(request, bare, layouts, ())
    holding = Holding(tuple(named_learnables(found.layer)))
    plan = Plan(bare.call, names, arguments, holding, called=bare.called)

    def make(dtype: Any, at: tuple[Layout, ...]) -> TorchProgram:
        return TorchProgram(cast(copied(found.layer), dtype), plan, dtype)

    values = holding.learnable_values(found.layer)
    return Subject(
        name=request.name,
        framework="torch",
        convention="object",
        layer=request.layer,
        source=request.source,
        sources={"forward": source_of(getattr(type(request.layer), name))},
        input_names=names,
        layouts=layouts,
        learnables=tuple(
            Slot(path, value, "requires a gradient", "autograd")
            for path, value in zip(holding.learnables, values, strict=True)
        ),
        states=(),
        facts=Facts(
            one_pass=True,
            backward="autodiff",
            memory="handed over",
            outputs=request.output_layouts(found.outputs) if found.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=found.dtypes,
            second_order=True,
        ),
        build=program_builder(make),
        notes=found.notes,
        packages=("torch",),
    )
