"""``torch.nn.Module`` as a subject: parameters are learnables, updated buffers are states."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from layercheck import (
    Facts,
    Layout,
    Request,
    Slot,
    Subject,
    UsageError,
    example_inputs,
    input_names,
    program_builder,
)
from layercheck_torch.arguments import arguments_of
from layercheck_torch.copies import copied
from layercheck_torch.holding import Holding, named_learnables
from layercheck_torch.program import Plan, TorchProgram
from layercheck_torch.random import seeded
from layercheck_torch.sources import source_of
from layercheck_torch.trying import Tried, cast, tried


def adapt_module(request: Request) -> Subject:
    """Turn a module into a subject.

    Raises
    ------
    UsageError
        Its parameters have no values, or what was given does not fit it.
    """
    module = request.layer
    _require_forward(module, request.name)
    _require_values(module, request.name)
    names = input_names(request, module.forward)
    layouts = request.ordered_layouts(names)
    plan = Plan(lambda layer: layer, names, arguments_of(module.forward, names, request.call))
    declared = tuple(request.declarations.states)
    found = tried(request, plan, layouts, declared)
    learnables = tuple(named_learnables(found.layer))
    holding = Holding(learnables, tuple(found.states.values()))
    plan = Plan(plan.call, names, plan.arguments, holding)
    return Subject(
        name=request.name,
        framework="torch",
        convention="module",
        layer=module,
        source=request.source,
        sources=_sources(module, found),
        input_names=names,
        layouts=layouts,
        learnables=_learnables(found, holding),
        states=_states(request, plan, found, layouts),
        facts=Facts(
            one_pass=not found.reads_training and found.outputs is not None,
            backward="autodiff",
            memory="handed over",
            outputs=request.output_layouts(found.outputs) if found.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=found.dtypes,
            second_order=True,
            forward_mode=True,
        ),
        build=program_builder(lambda dtype, at: _program(request, plan, found, dtype, at)),
        notes=(*found.notes, *_notes(found.layer)),
        packages=("torch",),
        fresh=request.fresh,
    )


def _program(
    request: Request, plan: Plan, found: Tried, dtype: np.dtype[Any], at: tuple[Layout, ...]
) -> TorchProgram:
    program = TorchProgram(cast(copied(found.layer), dtype), plan, dtype)
    if found.resizes:  # its states have the sizes of their batch
        inputs = example_inputs(request, plan.names, at, dtype)
        bare = TorchProgram(program.layer, Plan(plan.call, plan.names, plan.arguments), dtype)
        with seeded(request.seed):
            bare.run((), (), inputs, "predict", record=False)
    return program


def _learnables(found: Tried, holding: Holding) -> tuple[Slot, ...]:
    pairs = zip(holding.learnables, holding.learnable_values(found.layer), strict=True)
    return tuple(Slot(name, value, "parameter", "autograd") for name, value in pairs)


def _states(
    request: Request, plan: Plan, found: Tried, layouts: tuple[Layout, ...]
) -> tuple[Slot, ...]:
    if not found.states:
        return ()
    dtype = np.dtype(found.dtypes[0] if found.dtypes else "float64")
    values = _program(request, plan, found, dtype, layouts).states()
    return tuple(Slot(name, v, "buffer") for name, v in zip(found.states, values, strict=True))


def _sources(module: Any, found: Tried) -> dict[str, Any]:
    source = source_of(type(module).forward)
    if not found.reads_training:
        return {"forward": source}
    function = source.function or "forward"
    return {
        "predict": source_of(type(module).forward, f"{function}() in eval mode"),
        "forward": source_of(type(module).forward, f"{function}() in training mode"),
    }


def _notes(layer: Any) -> tuple[str, ...]:
    notes = []
    names: dict[int, list[str]] = {}
    for name, p in layer.named_parameters(remove_duplicate=False):
        names.setdefault(id(p), []).append(name)
    for first, *others in names.values():
        if others:
            notes.append(f"{', '.join(others)} is the same parameter as {first}")
    frozen = [name for name, p in layer.named_parameters() if not p.requires_grad]
    if frozen:
        verb = "is" if len(frozen) == 1 else "are"
        notes.append(f"{', '.join(frozen)} {verb} frozen (requires_grad=False): no gradient asked")
    return tuple(notes)


def _require_forward(module: Any, name: str) -> None:
    if type(module).forward is torch.nn.Module.forward:
        raise UsageError(
            f"{name} has no forward method, so that there is nothing to run. Write "
            "forward(self, x), or name another layer of the file."
        )


def _require_values(module: Any, name: str) -> None:
    tensors = (*module.named_parameters(), *module.named_buffers())
    lazy = torch.nn.parameter.is_lazy
    meta = [path for path, t in tensors if t.device.type == "meta" and not lazy(t)]
    if meta:
        raise UsageError(
            f"{meta[0]} of {name} is on the device 'meta', where tensors have no values. Build "
            "the layer on the CPU, or give it values first: layer.to_empty(device='cpu'), then "
            "its initialisation."
        )
