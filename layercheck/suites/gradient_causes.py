"""Why a gradient is wrong, and in how many elements."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from layercheck.errors import LayerError, UsageError
from layercheck.gradients.diagnose import Diagnosis, diagnose
from layercheck.gradients.full import MOST, Full, full_gradient
from layercheck.outcome import Comparison
from layercheck.suites.evidence import Tensor
from layercheck.suites.gradient_trials import Trial

_SMALL_ENOUGH = 600  # input elements up to which every element of a gradient is counted


def diagnosis(t: Trial, tensor: Tensor, index: tuple[int, ...] = ()) -> Diagnosis:
    """Return the causes whose evidence holds, the most specific first, or what else is known."""
    return diagnose(t.case, tensor.kind, tensor.name, t.point, index)


def count_wrong(t: Trial, tensor: Tensor) -> int | None:
    """How many elements are wrong at the layout itself; None where it is large."""
    if sum(math.prod(layout.shape) for layout in t.case.layouts) > _SMALL_ENOUGH:
        return None
    full = _full(t, tensor)
    return None if full is None else int(np.count_nonzero(full.wrong)) or None


def compared(t: Trial, tensor: Tensor, known: Diagnosis) -> Comparison | None:
    """The gradient beside the true one: at the layout where it is small, else where it was seen."""
    size = sum(math.prod(layout.shape) for layout in t.case.layouts)
    if size > _SMALL_ENOUGH or np.size(tensor.value) > MOST:
        return known.comparison
    full = _full(t, tensor)
    if full is None or not full.wrong.any():
        return known.comparison
    return full.comparison(t.point.layouts, tensor.layout)


def _full(t: Trial, tensor: Tensor) -> Full | None:
    """The full gradients, computed once; None where that takes too long."""
    found: Full | None = t.memo(f"full {tensor.title}", lambda: _computed(t, tensor))
    return found


def _computed(t: Trial, tensor: Tensor) -> Full | None:
    try:
        own = t.tensor(tensor.kind, tensor.name)
        if own.gradient is None:
            own = replace(own, gradient=np.zeros_like(own.value))
        if np.shape(own.gradient) != np.shape(own.value):
            return None
        return full_gradient(t.pose(own), t.case.rng("full", tensor.name))
    except (LayerError, UsageError):
        return None
