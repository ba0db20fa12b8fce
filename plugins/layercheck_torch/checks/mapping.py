"""Whether backward can be mapped over upstream gradients."""

from __future__ import annotations

from typing import Any

import torch

from layercheck import Case, Gradients, LayerError, skip
from layercheck_torch.arrays import to_array, to_tensor
from layercheck_torch.autograd import gradients_of
from layercheck_torch.checks.live import copies, require_same_gradients, training

_UPSTREAMS = 3


def vmapped_backward(case: Case) -> None:
    """See `layercheck_torch.suite.vmapped_backward`."""
    case.gradients()
    live: Any = case.instance()
    tape = live.run(copies(case.point().inputs), training(case)).memory.tape
    leaves = (*tape.inputs, *tape.learnables)
    ups = [
        tuple(map(to_tensor, copies(case.upstream(case.base().outputs, "vmap", k))))
        for k in range(_UPSTREAMS)
    ]
    if not any(z.requires_grad for z in tape.outputs):
        skip("no output requires a gradient")
    try:
        singles = [gradients_of(tape.outputs, leaves, up) for up in ups]
        stacked = tuple(torch.stack(parts) for parts in zip(*ups, strict=True))
        mapped = gradients_of(tape.outputs, leaves, stacked, is_grads_batched=True)
    except LayerError as error:
        skip(f"backward cannot be mapped: {str(error).splitlines()[0]}")
    for k, single in enumerate(singles):
        mine = [None if g is None else g[k] for g in mapped]
        require_same_gradients(
            case,
            _split(mine, len(tape.inputs)),
            _split(single, len(tape.inputs)),
            "{} is another where backward is mapped over upstream gradients.",
            source=case.subject.sources.get("backward") or case.subject.sources.get("forward"),
            fix="Count axes from the back in backward, or give the function a vmap of its own.",
        )


def _split(found: Any, count: int) -> Gradients:
    values = [None if g is None else to_array(g) for g in found]
    return Gradients(tuple(values[:count]), tuple(values[count:]))
