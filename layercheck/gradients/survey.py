"""All directions along which one tensor is compared, and what they said together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import gaussian, one_each, placed
from layercheck.gradients.locate import flat_indices, worst_elements
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Values
from layercheck.gradients.residuals import Residuals, compare
from layercheck.gradients.structure import Blocks

PROBES = 3
PROBABILITY = 0.99
_CHEAPEST = 2  # forwards that one direction takes at least
_NEGLIGIBLE = 1e-3  # what a vanishing derivative may hide, relative to the outputs

# With probability PROBABILITY one of PROBES normal numbers is larger than this.
_REACH = NormalDist().inv_cdf((1 + (1 - PROBABILITY) ** (1 / PROBES)) / 2)


@dataclass
class Survey:
    """What all directions together said about one tensor."""

    blocks: Blocks
    one_by_one: bool
    plan: Plan | None = None
    failing: Residuals | None = None
    candidates: list[tuple[float, int]] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)
    detectable: float = 0.0
    visible: bool = False
    vanishing: bool = True
    unverified: int = 0
    flagged: list[npt.NDArray[np.bool_]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Some block is outside its tolerance."""
        return self.failing is not None

    def add(self, found: Residuals, natural: float) -> None:
        """Take one direction into account."""
        self.plan = found.plan
        wrong = found.wrong
        if wrong.any():
            self.failing = found
        analytic = np.abs(found.analytic)
        self.visible |= bool(np.any(analytic > 2 * found.tolerance))
        limit = np.minimum(found.tolerance, _NEGLIGIBLE * natural)
        self.vanishing &= bool(np.all(np.maximum(analytic, np.abs(found.numeric)) <= limit))
        if any(flags.any() for flags in found.flagged):
            old = self.flagged or [np.zeros_like(flags) for flags in found.flagged]
            self.flagged = [a | b for a, b in zip(old, found.flagged, strict=True)]


def take_survey(problem: Problem, blocks: Blocks, budget: int, rng: np.random.Generator) -> Survey:
    """See the elements one by one where the budget allows it, else in blocks."""
    size = blocks.size(problem.value.shape)
    if size * _CHEAPEST <= budget or size == 1:
        survey = _one_by_one(problem, blocks, budget, rng)
        if survey is not None:
            return survey
    return _in_blocks(problem, blocks, rng)


def _one_by_one(
    problem: Problem, blocks: Blocks, budget: int, rng: np.random.Generator
) -> Survey | None:
    """Move one element of every block at a time; None where that exceeds the budget."""
    survey = Survey(blocks, one_by_one=True)
    size = blocks.size(problem.value.shape)
    natural = problem.natural / math.sqrt(blocks.count(problem.value.shape))
    for position in range(size):
        v = one_each(problem, blocks, position, rng)
        found = compare(problem, blocks, v, survey.plan)
        if position == 0 and size > 1 and size * _cost(found.plan) > budget:
            return None
        survey.add(found, natural)
        survey.candidates += worst_elements(problem, blocks, position, found)
        rows = np.flatnonzero(found.wrong)
        flat = flat_indices(blocks, problem.value.shape, position, rows)
        survey.wrong.update((flat // (1 + problem.is_complex)).tolist())
        _note_reach(problem, survey, found, v[placed(blocks, v.shape, position)])
    return survey


def _note_reach(problem: Problem, survey: Survey, found: Residuals, v: Values) -> None:
    """Note the smallest error that any of the elements just seen could hide."""
    seen = np.asarray(v != 0)
    if any(flags.any() for flags in found.flagged):
        judged = np.zeros(found.analytic.shape)
        for k, flags in enumerate(found.flagged):
            judged += survey.blocks.sum_output(k, (~flags).astype(np.float64))
        seen &= judged > 0
    survey.unverified += int(seen.size - np.count_nonzero(seen))
    seen &= ~found.wrong
    hidden = np.zeros(found.analytic.shape)
    np.divide(found.error + found.tolerance, np.abs(v), out=hidden, where=seen)
    survey.detectable = max(survey.detectable, float(np.max(hidden, where=seen, initial=0.0)))


def _in_blocks(problem: Problem, blocks: Blocks, rng: np.random.Generator) -> Survey:
    """Take Gaussian directions through all elements: one number a block from each."""
    survey = Survey(blocks, one_by_one=False)
    natural = problem.natural / math.sqrt(blocks.count(problem.value.shape))
    hidden = np.zeros(1)
    for _ in range(PROBES):
        found = compare(problem, blocks, gaussian(problem, rng), survey.plan)
        survey.add(found, natural)
        right = np.where(found.wrong, 0.0, found.error + found.tolerance)
        hidden = np.maximum(hidden, right)
    survey.detectable = float(hidden.max()) / (_REACH * problem.scale)
    return survey


def _cost(plan: Plan) -> int:
    return _CHEAPEST if plan.triple is None else 6
