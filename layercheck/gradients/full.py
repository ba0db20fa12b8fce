"""A claimed gradient and the true one, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import one_each, placed
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array
from layercheck.gradients.residuals import compare
from layercheck.gradients.structure import find_blocks
from layercheck.layout import Layout
from layercheck.outcome import Comparison
from layercheck.where import axis_names, labels_for

_DIRECTIONS = 1000  # at most, for a full gradient
MOST = 512  # elements that are shown
_WORK = 3e8  # output elements computed at most, for a full gradient


@dataclass(frozen=True)
class Full:
    """A claimed gradient and the true one, element by element.

    Parameters
    ----------
    analytic, numeric : arrays, real or complex
    tolerance : array, real
        Of the numeric one.
    """

    analytic: npt.NDArray[Any]
    numeric: npt.NDArray[Any]
    tolerance: Array

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Where the two differ."""
        return np.asarray(~(np.abs(self.analytic - self.numeric) <= self.tolerance))

    def comparison(self, layouts: Sequence[Layout], layout: Layout | None) -> Comparison:
        """Return it as data.

        Parameters
        ----------
        layouts : sequence of Layout
            Those of the inputs.
        layout : Layout or None
            The one in whose labels the tensor's axes are named, where they fit.
        """
        shape = self.analytic.shape
        labels = labels_for(shape, layout)
        axes = tuple(f"axis {number}" for number in range(len(shape)))
        axes = axes if labels is None else axis_names(labels)
        texts = dict.fromkeys(str(layout) for layout in layouts)
        return Comparison(
            ", ".join(texts),
            axes,
            shape,
            tuple(self.analytic.ravel().tolist()),
            tuple(self.numeric.ravel().tolist()),
            tuple(self.tolerance.ravel().tolist()),
        )


def full_gradient(problem: Problem, rng: np.random.Generator) -> Full | None:
    """Differentiate every element on its own; None where that takes too long."""
    shape = problem.value.shape
    blocks = find_blocks(problem, rng)
    size = blocks.size(shape)
    work = size * sum(output.size for output in problem.outputs)
    if size > _DIRECTIONS or work > _WORK:
        return None
    analytic, numeric, tolerance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    plan: Plan | None = None
    for position in range(size):
        v = one_each(problem, blocks, position, rng)
        place = placed(blocks, shape, position)
        found = compare(problem, blocks, v, plan)
        plan = found.plan
        step = np.where(v[place] == 0, np.inf, v[place])
        analytic[place], numeric[place] = found.analytic / step, found.numeric / step
        tolerance[place] = found.tolerance / np.abs(step)
    if not problem.is_complex:
        return Full(analytic, numeric, tolerance)
    return Full(
        analytic[..., 0] + 1j * analytic[..., 1],
        numeric[..., 0] + 1j * numeric[..., 1],
        tolerance.sum(axis=-1),
    )
