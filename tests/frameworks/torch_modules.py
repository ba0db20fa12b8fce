"""PyTorch's own table of modules (``module_db``), as layers to check.

Each entry is built and called as the table says. Where `WRONG` names an entry, the checks that it
fails are properties of that module, each with its reason; all other entries fail none.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_modules import module_db

import layercheck

SEED = 7
PER_BATCH = ("Conv", "Pool", "Norm", "Pad", "Dropout", "Upsample", "Pixel", "Shuffle")
# PyTorch refuses a tensor there that requires a gradient.
NOT_DIFFERENTIABLE = {"nn.SoftMarginLoss": "target"}
NO_BATCH = ("no_batch_dim", "no batch dim")


@dataclass(frozen=True)
class Entry:
    """One module with one set of inputs."""

    name: str
    layer: Any
    layouts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self):
        return self.name

    def check(self, **options):
        return layercheck.check_layer(self.layer, *self.layouts, **self.options, **options)


def entries(per_module=1):
    """Yield the first inputs of every module that has them."""
    for info in module_db:
        yield from list(_entries(info))[:per_module]


def _entries(info):
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
        )
        for number, each in enumerate(inputs):
            made = each.constructor_input
            layer = info.module_cls(*made.args, **made.kwargs)
            if each.forward_input is not None and _has_values(each):
                yield _entry(info, number, layer, each)


def _has_values(each):
    """Whether inputs have sizes at all (layouts have no axes of size 0), and finite values."""
    given = (*each.forward_input.args, *each.forward_input.kwargs.values())
    tensors = [value for value in given if isinstance(value, torch.Tensor)]
    sizes = [tensor.shape for tensor in tensors]
    finite = all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
    return finite and any(sizes) and all(0 not in size for size in sizes)


def _entry(info, number, layer, each):
    names = [
        p.name
        for p in inspect.signature(layer.forward).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    given = dict(zip(names, each.forward_input.args, strict=False))
    given.update(each.forward_input.kwargs)
    layouts, ranges, integers, call = [], {}, {}, {}
    for name, value in given.items():
        is_data = NOT_DIFFERENTIABLE.get(info.name) == name
        if is_data or not isinstance(value, torch.Tensor) or not _is_input(value):
            call[name] = value
            continue
        array = value.detach().numpy()
        sizes = ",".join(map(str, value.shape))
        layouts.append(f"{name}={_labels(info.name, value, each)}:{sizes}")
        if array.dtype.kind in "iu":
            integers[name] = (int(array.min()), int(array.max()) + 1)
        elif array.min() >= 0:
            ranges[name] = (float(np.float32(max(array.min(), 0.01))), float(array.max()))
    options = {"call": call, "range": ranges or None, "integers": integers or None}
    return Entry(f"{info.name.removeprefix('nn.')} {number}", layer, tuple(layouts), options)


def _is_input(tensor):
    return tensor.dtype is not torch.bool and tensor.ndim > 0


def _labels(name, value, each):
    rank = value.ndim
    batched = not any(text in (each.desc or "") for text in NO_BATCH)
    if batched and rank > 1 and any(word in name for word in PER_BATCH) and rank < 6:
        return "BC" + "S" * (rank - 2)
    return "U" * rank
