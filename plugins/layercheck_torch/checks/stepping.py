"""Whether a training loop can run a second step."""

from __future__ import annotations

from typing import Any

import torch

from layercheck import Case, Cause, LayerError, call_layer, fail, skip
from layercheck_torch.arrays import has_gradient, to_tensor
from layercheck_torch.checks.live import copies, entered, program_of, require_module
from layercheck_torch.explaining import explained
from layercheck_torch.settings import kept


def second_step(case: Case) -> None:
    """See `layercheck_torch.suite.second_step`."""
    require_module(case)
    evaluation = case.base()
    upstream = tuple(map(to_tensor, copies(case.upstream(evaluation.outputs))))
    program = program_of(case)
    try:
        _step(case, program, upstream)
    except LayerError:
        skip("needs gradients.autodiff")
    try:
        _step(case, program, upstream)
    except LayerError as error:
        fail(
            f"The second step of a training loop fails: {error}.",
            source=case.subject.sources.get("forward"),
            cause=Cause(
                "stale-memory",
                "the same step succeeds on a new layer: what the first forward() kept belongs to "
                "the graph that the first backward() freed.",
            )
            if "second time" in str(error.original)
            else None,
            fix=error.advice or "Detach what a forward() keeps for the next one.",
        )


def _step(case: Case, program: Any, upstream: tuple[Any, ...]) -> None:
    given = [x for _, x in entered(case, program)]
    outputs = program.outputs_of(given, None, "forward")
    terms = [
        torch.sum(torch.real(z * d.conj()))
        for z, d in zip(outputs, upstream, strict=True)
        if has_gradient(z) and z.requires_grad
    ]
    if not terms:
        skip("no output requires a gradient")
    with kept(), explained():
        call_layer("backward()", torch.stack(terms).sum().backward)
