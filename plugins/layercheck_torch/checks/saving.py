"""Whether a checkpoint holds all that the predictions depend on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from layercheck import Case, Cause, Failed, LayerError, call_layer, fail, program_builder, skip
from layercheck_torch.checks.live import copies, program_of, require_module, require_same_outputs
from layercheck_torch.holding import has_value
from layercheck_torch.program import TorchProgram
from layercheck_torch.random import seeded
from layercheck_torch.tree import own_tensors
from layercheck_torch.trying import cast

_FIX = 'Register it: self.register_buffer("name", tensor), nn.Parameter, nn.ParameterList.'


def save_and_load(case: Case) -> None:
    """See `layercheck_torch.suite.save_and_load`."""
    require_module(case)
    if case.subject.fresh is None:
        skip("the layer was handed in built; its class or a factory can be built again")
    case.base("predict")
    saved = program_of(case)
    state = {name: _copy(value) for name, value in saved.layer.state_dict().items()}
    with seeded(case.seed + 1):
        fresh = call_layer("the constructor", case.subject.fresh, case.seed + 1)
    _load(case, fresh, state)
    fresh = cast(fresh, case.dtype)
    if not all(has_value(fresh, names[0]) for names in saved.plan.holding.states):
        skip("a state is made by the first pass, so that no checkpoint has it")
    try:
        _require_same(case, saved, fresh)
    except Failed as failed:
        lost = _differing(saved.layer, fresh, state)
        for tensor, value in lost.values():
            tensor.data = value.detach().clone()
        if not lost or not _agrees(case, saved, fresh):
            raise
        names = ", ".join(lost)
        finding = replace(
            failed.finding,
            cause=Cause(
                "not-saved",
                f"{names} {'is' if len(lost) == 1 else 'are'} not in the state_dict, other in each "
                "new layer, and with the saved layer's values the outputs agree.",
                {"tensors": tuple(lost)},
            ),
        )
        raise Failed(finding) from None


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _load(case: Case, fresh: Any, state: dict[str, Any]) -> None:
    try:
        call_layer("load_state_dict()", fresh.load_state_dict, state)
    except LayerError as error:
        fail(
            f"A new layer cannot load the state_dict: {error}.",
            source=case.subject.source,
            fix="Create in __init__ what the state_dict has; a buffer that no checkpoint needs is "
            "registered with persistent=False.",
        )


def _require_same(case: Case, saved: Any, fresh: Any) -> None:
    program = TorchProgram(fresh, saved.plan, case.dtype)
    point = case.point()
    subject = replace(case.subject, build=program_builder(lambda dtype, at: program))
    done = subject.evaluate(
        point.inputs,
        copies(program.learnables()),
        copies(program.states()),
        mode="predict",
        dtype=case.dtype,
        layouts=point.layouts,
        seed=case.seed,
    )
    require_same_outputs(
        case,
        done.outputs,
        "predict",
        "A new layer that loads the state_dict predicts something else: {}.",
        source=case.subject.source,
        fix=_FIX,
    )


def _agrees(case: Case, saved: Any, fresh: Any) -> bool:
    try:
        _require_same(case, saved, fresh)
    except Failed:
        return False
    return True


def _differing(saved: Any, fresh: Any, state: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return tensors that no checkpoint has and that differ: those of the new layer, the values."""
    other = own_tensors(fresh)
    return {
        name: (other[name], value)
        for name, value in own_tensors(saved).items()
        if name in other
        and name not in state
        and other[name].shape == value.shape
        and not np.array_equal(other[name].detach().numpy(), value.detach().numpy())
    }
