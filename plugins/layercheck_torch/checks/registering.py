"""Whether tensors that are trained are parameters of the module."""

from __future__ import annotations

from typing import Any

from layercheck import Case, Cause, Passed, fail
from layercheck_torch.arrays import to_tensor
from layercheck_torch.autograd import gradients_of
from layercheck_torch.checks.live import entered, program_of, require_module, training
from layercheck_torch.tree import own_tensors


def registered(case: Case) -> Passed:
    """See `layercheck_torch.suite.registered`."""
    require_module(case)
    evaluation = case.base()
    program = program_of(case)
    given = [x for _, x in entered(case, program)]
    outputs = program.outputs_of(given, None, training(case))
    hidden = _hidden(program.layer)
    upstream = tuple(map(to_tensor, case.upstream(evaluation.outputs)))
    found = gradients_of(outputs, tuple(hidden.values()), upstream)
    used = [name for name, g in zip(hidden, found, strict=True) if g is not None]
    if used:
        _fail(case, used)
    return Passed(tuple(f"{name} requires a gradient and is no parameter" for name in hidden))


def _fail(case: Case, used: list[str]) -> None:
    names = ", ".join(used)
    fail(
        f"{names} {'is no parameter' if len(used) == 1 else 'are no parameters'} of the module, "
        f"and the output depends on {_it(used)}.",
        where=names,
        source=case.subject.source,
        wrong=len(used),
        cause=Cause(
            "not-registered",
            f"{names} requires a gradient and gets one, and parameters() does not list "
            f"{_it(used)}: no optimizer trains it.",
            {"tensors": tuple(used)},
        ),
        fix="Keep tensors in nn.Parameter or nn.ParameterList, modules in nn.ModuleList or "
        "nn.ModuleDict.",
    )


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _hidden(layer: Any) -> dict[str, Any]:
    known = {id(parameter) for parameter in layer.parameters()}
    return {
        name: tensor
        for name, tensor in own_tensors(layer).items()
        if tensor.requires_grad and tensor.is_leaf and id(tensor) not in known
    }
