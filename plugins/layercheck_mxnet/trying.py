"""What is learnt about a layer by running it at its layout, before any check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck import LayerError, Precision
from layercheck_mxnet.program import MxnetProgram
from layercheck_mxnet.random import MxnetGenerator

HIDDEN = "MXNet computes some values in float32"


def draws(
    make: Callable[[np.dtype[Any]], MxnetProgram],
    precision: Precision,
    inputs: Callable[[np.dtype[Any]], tuple[Any, ...]],
) -> bool:
    """Whether a training pass draws from MXNet's generators or seeds them."""
    dtype = np.dtype((precision.dtypes or ("float64",))[0])
    generator, outputs = MxnetGenerator(), []
    for seed in _SEEDS:
        program = make(dtype).copied()
        values = program.learnables(), program.states(), inputs(dtype)
        generator.seed(seed)
        untouched = generator.state()
        generator.seed(seed)
        try:
            outputs.append(program.run_once(*values))
        except LayerError:
            return True
        if generator.state() != untouched:
            return True
    first, second = outputs
    return not all(map(np.array_equal, first, second))


_SEEDS = (20, 21)
