"""Whether tensors in the memory format channels_last give the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck import Case, LayerError, fail, skip
from layercheck_torch.checks.live import (
    copies,
    require_same_gradients,
    require_same_outputs,
    training,
)

_RANKS = (4, 5)
_FIX = "Use reshape instead of view, and let no code of your own depend on strides."


def channels_last(case: Case) -> None:
    """See `layercheck_torch.suite.channels_last`."""
    point, mode = case.point(), training(case)
    if not any(x.ndim in _RANKS for x in point.inputs):
        skip("no input has 4 or 5 axes, as images and volumes have")
    base = case.base(mode)
    if case.is_random:
        skip("the layer draws random numbers")
    source = case.subject.sources.get("forward")
    live = case.instance()
    live.assign(tuple(map(_arranged, point.learnables)), point.states)
    try:
        done = live.run(tuple(map(_arranged, point.inputs)), mode)
    except LayerError as error:
        fail(f"In channels_last, {error}.", source=source, fix=error.advice or _FIX)
    require_same_outputs(
        case, done.outputs, mode, "{} is another in channels_last.", source=source, fix=_FIX
    )
    expected = case.gradients()
    upstream = tuple(map(_arranged, copies(case.upstream(base.outputs))))
    try:
        found = live.pull_back(done, upstream)
    except LayerError as error:
        fail(f"In channels_last, {error}.", source=source, fix=error.advice or _FIX)
    what = "{} is another in channels_last."
    require_same_gradients(case, found, expected, what, source=source, fix=_FIX)


def _arranged(array: Any) -> Any:
    """The same array, its second axis stored innermost."""
    if np.ndim(array) not in _RANKS:
        return np.array(array)
    return np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1)
