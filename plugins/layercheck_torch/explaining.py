"""What to do about the errors of autograd that layers cause."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from layercheck import LayerError

_ENGINE = str(Path(torch.__file__).parent / "autograd") + os.sep
_ADVICE = (
    (
        r"modified by an inplace operation: .*? is output \d+ of (\w+?)(?:Backward\d*)?,",
        "{0} kept its result for backward, and something wrote into it afterwards (`+=`, a method "
        "whose name ends in _, `out=`, an indexed assignment). Write a new tensor: y = y + 1, not "
        "y += 1.",
    ),
    (
        r"modified by an inplace operation",
        "forward() wrote into a tensor that backward needs (`+=`, a method whose name ends in _, "
        "`out=`, an indexed assignment). Write a new tensor: y = y + 1, not y += 1.",
    ),
    (
        r"backward through the graph a second time",
        "Something that forward() kept belongs to the graph of an earlier pass: keep "
        "h.detach(), not h.",
    ),
    (
        r"leaf Variable that requires grad is being used in an in-place operation",
        "Compute a new tensor, or write under torch.no_grad() where it is the optimizer's work.",
    ),
    (
        r"not compiled with CUDA|no NVIDIA driver|No CUDA GPUs are available",
        "This machine has no CUDA device. Take the device of the input (x.device), and leave it to "
        "the caller where the layer is.",
    ),
    (
        r"Can't call numpy\(\) on Tensor that requires grad",
        "Stay with PyTorch's operations: through NumPy no gradient flows.",
    ),
)


@contextmanager
def explained() -> Iterator[None]:
    """Add to what a layer raises in the block what to do about it, and no line of the engine."""
    try:
        yield
    except LayerError as error:
        if error.file is not None and error.file.startswith(_ENGINE):
            error.file = error.line = None
        error.advice = error.advice or _advice(str(error.original))
        raise


def _advice(text: str) -> str | None:
    for pattern, advice in _ADVICE:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return advice.format(*found.groups())
    return None
