"""What layercheck is told about PyTorch."""

from __future__ import annotations

from typing import Any

import torch

from layercheck import Framework, Request, Subject
from layercheck_torch.modules import adapt_module


def recognise(obj: Any) -> bool:
    """Whether `obj` is a module or a class of modules."""
    return isinstance(obj, torch.nn.Module) or (
        isinstance(obj, type) and issubclass(obj, torch.nn.Module)
    )


def adapt(request: Request) -> Subject:
    """Turn a layer of PyTorch into a subject."""
    return adapt_module(request)


framework = Framework("torch", recognise, adapt)
