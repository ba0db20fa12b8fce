"""Verify every element of one gradient: one by one where the structure allows, else in blocks.

One backward is compared with directional derivatives. Where a block of the Jacobian has one
element, or few enough for the budget, each element gets a number of its own; elsewhere three
Gaussian directions give three numbers a block, and any error vector in it is missed with a
probability that is computed and reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import gaussian, one_each, placed
from layercheck.gradients.locate import bisect, confirm, flat_indices, sample, worst_elements
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Values
from layercheck.gradients.residuals import Residuals, compare
from layercheck.gradients.structure import Blocks, find_blocks, one_block
from layercheck.outcome import Verified, Worst

PROBES = 3
PROBABILITY = 0.99
_FEW_ELEMENTS = 8  # no structure is sought in a tensor that is sooner done element by element
_CONFIRMED = 3  # candidates that are looked at alone before an accusation
_CHEAPEST = 2  # forwards that one direction takes at least
_NEGLIGIBLE = 1e-3  # what a vanishing derivative may hide, relative to the outputs

_ROUGH = (
    "{:,} of {:,} outputs are not smooth at any step: the layer is noisy, or has kinks everywhere "
    "here. Other values (--range, --data) may help."
)
_BLURRED = (
    "The differences are too inaccurate here: a gradient wrong by a factor 2 would not have been "
    "seen. Values of another size (--range), a smaller layout or --dtype float64 may help."
)

# With probability PROBABILITY one of PROBES normal numbers is larger than this.
_REACH = NormalDist().inv_cdf((1 + (1 - PROBABILITY) ** (1 / PROBES)) / 2)


@dataclass(frozen=True)
class Verification:
    """What is known of one gradient.

    Parameters
    ----------
    verified : Verified
    worst : Worst or None
        The worst wrong element; None where the gradient is right, or an error of a whole block
        could not be traced to an element.
    failed : bool
    wrong : int or None
        How many elements are wrong, where all were seen one by one.
    inconclusive : str or None
        Why the gradient could not be judged.
    is_zero : bool
        Gradient and differences both vanish.
    blocks : Blocks or None
        The structure that was found, to be reused at another point.
    """

    verified: Verified
    worst: Worst | None = None
    failed: bool = False
    wrong: int | None = None
    inconclusive: str | None = None
    is_zero: bool = False
    blocks: Blocks | None = None


def verify(
    problem: Problem,
    rng: np.random.Generator,
    budget: int = 64,
    blocks: Blocks | None = None,
) -> Verification:
    """Verify the gradient of one tensor.

    Parameters
    ----------
    problem : Problem
        Poses the question at a point where the layer is finite.
    rng : Generator
    budget : int
        Forwards that may be spent to see elements one by one.
    blocks : Blocks, optional
        A structure found at another point; no accusation rests on it.
    """
    size = problem.value.size // (1 + problem.is_complex)
    if size == 0:
        return Verification(Verified(0, 0, method="the tensor is empty"), is_zero=True)
    if not np.isfinite(problem.gradient).all():
        return _not_finite(problem, size, rng)
    if blocks is None:
        few = problem.value.size <= _FEW_ELEMENTS
        blocks = one_block(problem) if few else find_blocks(problem, rng)
    survey = _survey(problem, blocks, budget, rng)
    if survey.failed and blocks.tensor:
        found = _located(problem, survey, rng)
        if found is not None:
            return found
        survey = _survey(problem, one_block(problem), budget, rng)
    if survey.failed:
        return _located(problem, survey, rng) or _untraced(problem, survey)
    return _passed(problem, survey)


@dataclass
class _Survey:
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


def _survey(problem: Problem, blocks: Blocks, budget: int, rng: np.random.Generator) -> _Survey:
    """See the elements one by one where the budget allows it, else in blocks."""
    size = blocks.size(problem.value.shape)
    if size * _CHEAPEST <= budget or size == 1:
        survey = _one_by_one(problem, blocks, budget, rng)
        if survey is not None:
            return survey
    return _in_blocks(problem, blocks, rng)


def _one_by_one(
    problem: Problem, blocks: Blocks, budget: int, rng: np.random.Generator
) -> _Survey | None:
    """Move one element of every block at a time; None where that exceeds the budget."""
    survey = _Survey(blocks, one_by_one=True)
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


def _note_reach(problem: Problem, survey: _Survey, found: Residuals, v: Values) -> None:
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


def _in_blocks(problem: Problem, blocks: Blocks, rng: np.random.Generator) -> _Survey:
    """Take Gaussian directions through all elements: one number a block from each."""
    survey = _Survey(blocks, one_by_one=False)
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


def _located(problem: Problem, survey: _Survey, rng: np.random.Generator) -> Verification | None:
    """Trace a failure to an element that is wrong on its own; None where none is."""
    if survey.one_by_one or survey.failing is None:
        ranked = [flat for _, flat in sorted(survey.candidates, reverse=True)]
        worst = confirm(problem, ranked[:_CONFIRMED], rng)
    else:
        plan = survey.failing.plan
        ranked = sample(problem, survey.blocks, survey.failing, plan, rng)
        worst = confirm(problem, ranked[:_CONFIRMED], rng)
        if worst is None:
            ranked = bisect(problem, survey.blocks, survey.failing.wrong, plan, rng)
            worst = confirm(problem, ranked[:_CONFIRMED], rng)
    if worst is None:
        return None
    wrong = len(survey.wrong) if survey.one_by_one else None
    return Verification(_verified(problem, survey), worst, failed=True, wrong=wrong)


def _passed(problem: Problem, survey: _Survey) -> Verification:
    verified = _verified(problem, survey)
    outputs = sum(output.size for output in problem.outputs)
    if verified.not_adjudicated * 2 > outputs:
        return Verification(verified, inconclusive=_ROUGH.format(verified.not_adjudicated, outputs))
    if survey.vanishing:
        return Verification(verified, is_zero=True, blocks=survey.blocks)
    blurred = None if survey.visible else _BLURRED
    return Verification(verified, inconclusive=blurred, blocks=survey.blocks)


def _verified(problem: Problem, survey: _Survey) -> Verified:
    parts = 1 + problem.is_complex
    size = problem.value.size // parts
    elements = size - survey.unverified // parts
    rms = float(np.sqrt(np.mean(np.square(problem.gradient))))
    return Verified(
        of=size,
        elements=elements,
        individually=elements if survey.one_by_one else 0,
        in_blocks=0 if survey.one_by_one else elements,
        at_kinks=0,
        not_adjudicated=sum(int(np.count_nonzero(flags)) for flags in survey.flagged),
        method=_method(problem, survey),
        detectable_error=survey.detectable / rms if rms > 0 else None,
        probability=1.0 if survey.one_by_one else PROBABILITY,
    )


def _method(problem: Problem, survey: _Survey) -> str:
    if survey.one_by_one:
        directions = survey.blocks.size(problem.value.shape)
        return f"each element by differences of its own, along {directions} directions"
    count = survey.blocks.count(problem.value.shape)
    inside = survey.blocks.size(problem.value.shape)
    blocks = "one block" if count == 1 else f"{count:,} blocks"
    return f"{blocks} of {inside:,} elements, along {PROBES} Gaussian directions"


def _untraced(problem: Problem, survey: _Survey) -> Verification:
    """A block is wrong in directions through all of it, but no single element stands out."""
    if survey.one_by_one or survey.failing is None:
        return _passed(problem, survey)
    found = survey.failing
    block = int(np.argmax(found.error / np.maximum(found.tolerance, 1e-300)))
    worst = Worst(
        (),
        float(found.analytic.reshape(-1)[block]),
        float(found.numeric.reshape(-1)[block]),
        float(found.error.reshape(-1)[block]),
        float(found.tolerance.reshape(-1)[block]),
    )
    return Verification(_verified(problem, survey), worst, failed=True)


def _not_finite(problem: Problem, size: int, rng: np.random.Generator) -> Verification:
    """The gradient holds NaN or infinity although the outputs are finite."""
    bad = np.flatnonzero(~np.isfinite(problem.gradient.reshape(-1)))
    worst = confirm(problem, bad[:1].tolist(), rng)
    wrong = bad.size if not problem.is_complex else np.unique(bad // 2).size
    method = "elements that are not finite"
    return Verification(
        Verified(size, int(wrong), individually=int(wrong), method=method),
        worst,
        failed=True,
        wrong=int(wrong),
    )
