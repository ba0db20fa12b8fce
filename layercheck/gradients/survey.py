"""All directions along which one tensor is compared, and what they said together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from layercheck.gradients.cells import Cells, all_cells
from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import at_cells, gaussian
from layercheck.gradients.locate import worst_rows
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array
from layercheck.gradients.residuals import Residuals, compare
from layercheck.gradients.windows import Structure

PROBES = 3
PROBABILITY = 0.99
CHEAPEST = 2  # forwards that one direction takes at least
_NEGLIGIBLE = 1e-3  # what a vanishing derivative may hide, relative to the outputs

# With probability PROBABILITY one of PROBES normal numbers is larger than this.
REACH = NormalDist().inv_cdf((1 + (1 - PROBABILITY) ** (1 / PROBES)) / 2)


@dataclass
class Survey:
    """What all directions together said about one tensor."""

    structure: Structure
    one_by_one: bool
    colours: int = 1
    plan: Plan | None = None
    failing: Residuals | None = None
    candidates: list[tuple[float, int]] = field(default_factory=list)
    wrong: npt.NDArray[np.bool_] | None = None
    detectable: float = 0.0
    hidden: Array = field(default_factory=lambda: np.zeros(1))
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
        size = np.asarray(np.abs(found.analytic))
        self.visible |= bool(np.any(size > 2 * found.tolerance))
        np.maximum(size, np.abs(found.numeric), out=size)
        self.vanishing &= bool(np.all(size <= found.tolerance))
        self.vanishing &= bool(np.all(size <= _NEGLIGIBLE * natural))
        if any(flags.any() for flags in found.flagged):
            old = self.flagged or [np.zeros_like(flags) for flags in found.flagged]
            self.flagged = [a | b for a, b in zip(old, found.flagged, strict=True)]


def take_survey(
    problem: Problem,
    structure: Structure,
    budget: int,
    rng: np.random.Generator,
) -> Survey:
    """See the elements one by one where the budget allows it, else in blocks."""
    colours = structure.colours(problem.value.shape)
    if colours * CHEAPEST > budget and colours > 1:
        return _in_blocks(problem, structure, rng)
    survey = Survey(structure, one_by_one=True, colours=colours)
    for cells in all_cells(structure, problem.value.shape):
        found = _see_cells(problem, survey, cells, rng)
        if found.stray or (colours > 1 and colours * _cost(found.plan) > budget):
            return _in_blocks(problem, Structure(structure.blocks), rng, found.plan)
    return survey


def _see_cells(
    problem: Problem, survey: Survey, cells: Cells, rng: np.random.Generator
) -> Residuals:
    """Move one element of every block and window at a time."""
    v = at_cells(problem, cells, rng)
    found = compare(problem, cells, v, survey.plan)
    survey.add(found, problem.natural / math.sqrt(found.analytic.size))
    _note_wrong(problem, survey, cells, found)
    _note_reach(survey, cells, found, cells.sum_tensor(v.astype(np.float64, copy=False)))
    return found


def _note_wrong(problem: Problem, survey: Survey, cells: Cells, found: Residuals) -> None:
    """Note the wrong elements, and the worst of them as candidates to be shown."""
    rows = worst_rows(found)
    errors = found.error.reshape(-1)[rows].tolist()
    survey.candidates += zip(errors, cells.flat(rows).tolist(), strict=True)
    if rows.size:
        if survey.wrong is None:
            survey.wrong = np.zeros(problem.value.size // (1 + problem.is_complex), bool)
        survey.wrong[cells.flat(np.flatnonzero(found.wrong)) // (1 + problem.is_complex)] = True


def _note_reach(survey: Survey, cells: Cells, found: Residuals, v: Array) -> None:
    """Note the smallest error that any of the elements just seen could hide."""
    seen = np.asarray(v != 0)
    if any(flags.any() for flags in found.flagged):
        judged, left = np.zeros(found.analytic.shape), np.zeros(found.analytic.shape)
        for k, flags in enumerate(found.flagged):
            judged += cells.sum_output(k, (~flags).astype(np.float64))
            left += cells.sum_output(k, flags.astype(np.float64))
        seen &= (judged > 0) | (left == 0)
    survey.unverified += int(seen.size - np.count_nonzero(seen))
    seen &= ~found.wrong
    hidden = np.asarray(found.error + found.tolerance)
    np.divide(hidden, np.abs(v), out=hidden, where=seen)
    survey.detectable = max(survey.detectable, float(np.max(hidden, where=seen, initial=0.0)))


def _in_blocks(
    problem: Problem,
    structure: Structure,
    rng: np.random.Generator,
    plan: Plan | None = None,
) -> Survey:
    """Take Gaussian directions through all elements: one number a block from each."""
    blocks = structure.blocks
    survey = Survey(structure, one_by_one=False, plan=plan)
    natural = problem.natural / math.sqrt(blocks.count(problem.value.shape))
    for _ in range(PROBES):
        found = compare(problem, blocks, gaussian(problem, rng), survey.plan)
        survey.add(found, natural)
        right = np.where(found.wrong, 0.0, found.error + found.tolerance)
        survey.hidden = np.maximum(survey.hidden, right)
    survey.detectable = float(survey.hidden.max()) / (REACH * problem.scale)
    return survey


def _cost(plan: Plan) -> int:
    return CHEAPEST if plan.triple is None else 6
