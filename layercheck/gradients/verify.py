"""Verify every element of one gradient: one by one where the structure allows, else in blocks.

One backward is compared with directional derivatives. Where a block of the Jacobian has one
element, or few enough for the budget, each element gets a number of its own; elsewhere three
Gaussian directions give three numbers a block, and any error vector in it is missed with a
probability that is computed and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from layercheck.gradients.cells import find_structure
from layercheck.gradients.differences import Plan
from layercheck.gradients.kinks import BACKWARDS, Adjudication, Excess, adjudicate
from layercheck.gradients.locate import bisect, confirm, flat_indices, sample
from layercheck.gradients.problem import Problem
from layercheck.gradients.slopes import find_ties
from layercheck.gradients.structure import Blocks, one_block
from layercheck.gradients.survey import CHEAPEST, PROBABILITY, PROBES, Survey, take_survey
from layercheck.gradients.windows import Structure
from layercheck.outcome import Verified, Worst

_CONFIRMED = 3  # candidates that are looked at alone before an accusation
_BISECTED = 12  # the same where each was searched for
_ROUGH = (
    "{:,} of {:,} outputs are not smooth at any step: the layer is noisy, or has kinks everywhere "
    "here. Other values (--range, --data) may help."
)
_BLURRED = (
    "The differences are too inaccurate here: a gradient wrong by a factor 2 would not have been "
    "seen. Values of another size (--range), a smaller layout or --dtype float64 may help."
)
_KINKED = (
    "Every output that depends on it lies on a kink here, where several gradients are right, or "
    "varies faster than differences can follow. Other values (--range, --data) may help."
)


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
    others : tuple of indices
        Other elements that were looked at alone and are wrong.
    inconclusive : str or None
        Why the gradient could not be judged.
    is_zero : bool
        Gradient and differences both vanish.
    structure : Structure or None
        What was found, to be reused at another point.
    at_kink : bool
        The worst element is wrong at a kink: outside the slopes on both sides.
    sides : tuple of int
        How often backward took, at a kink, the slope of the lower side, of the upper side, and
        one in between.
    plan : Plan or None
        How the tensor was differentiated.
    """

    verified: Verified
    worst: Worst | None = None
    failed: bool = False
    wrong: int | None = None
    others: tuple[tuple[int, ...], ...] = ()
    inconclusive: str | None = None
    is_zero: bool = False
    structure: Structure | None = None
    at_kink: bool = False
    sides: tuple[int, int, int] = (0, 0, 0)
    plan: Plan | None = None


def verify(
    problem: Problem,
    rng: np.random.Generator,
    budget: int = 64,
    structure: Structure | None = None,
    backwards: int = BACKWARDS,
    tied: bool = False,
) -> Verification:
    """Verify the gradient of one tensor.

    Parameters
    ----------
    problem : Problem
        Poses the question at a point where the layer is finite.
    rng : Generator
    budget : int
        Forwards that may be spent to see elements one by one.
    structure : Structure, optional
        Found at another point; no accusation rests on it.
    backwards : int
        Backwards that may be spent on outputs at kinks.
    tied : bool
        Values are equal at this point: before an accusation, the outputs are looked at nearby.
    """
    size = problem.value.size // (1 + problem.is_complex)
    if size == 0:
        return Verification(Verified(0, 0, method="the tensor is empty"), is_zero=True)
    if not np.isfinite(problem.gradient).all():
        return _not_finite(problem, size, rng)
    if structure is None:
        structure = find_structure(problem, budget // CHEAPEST, rng)
    survey = take_survey(problem, structure, budget, rng)
    if survey.failing is not None and tied:
        problem = problem.without(find_ties(problem, survey.failing.plan, rng))
        survey = take_survey(problem, structure, budget, rng)
    for weaker in _weaker(problem, structure):
        if not survey.failed:
            break
        found = _located(problem, survey, rng)
        if found is not None:
            return found
        survey = take_survey(problem, weaker, budget, rng)
    if survey.failed:
        return _located(problem, survey, rng) or _untraced(problem, survey, rng)
    return conclude(problem, survey, rng, backwards)


def _weaker(problem: Problem, structure: Structure) -> Iterator[Structure]:
    """What is left of a structure that may be wrong: blocks without windows, then one block."""
    if structure.windows:
        yield Structure(structure.blocks)
    if structure.blocks.tensor:
        yield Structure(one_block(problem))


def _located(problem: Problem, survey: Survey, rng: np.random.Generator) -> Verification | None:
    """Trace a failure to an element that is wrong on its own; None where none is."""
    if survey.one_by_one or survey.failing is None:
        ranked = [flat for _, flat in sorted(survey.candidates, reverse=True)]
        found = confirm(problem, ranked[:_CONFIRMED], rng)
    else:
        plan, blocks = survey.failing.plan, survey.structure.blocks
        ranked, few = sample(problem, blocks, survey.failing, plan, rng)
        if few:
            more = bisect(problem, blocks, ranked, plan, rng)
            found = confirm(problem, [*ranked, *more][:_BISECTED], rng)
        else:
            found = confirm(problem, ranked[:_CONFIRMED], rng)
    if not found:
        return None
    wrong = None if survey.wrong is None else int(np.count_nonzero(survey.wrong))
    others = tuple(one.index for one in found[1:])
    verified = _verified(problem, survey)
    return Verification(verified, found[0], failed=True, wrong=wrong, others=others)


def conclude(
    problem: Problem, survey: Survey, rng: np.random.Generator, backwards: int = BACKWARDS
) -> Verification:
    """Nothing is wrong where the layer is smooth: judge the kinks, and how much was visible."""
    verified = _verified(problem, survey)
    flagged = verified.not_adjudicated
    sides = (0, 0, 0)
    if flagged:
        kinks = adjudicate(problem, survey.structure.blocks, survey.flagged, rng, backwards)
        verified = _with_kinks(verified, kinks, survey.unverified)
        if kinks.excess is not None:
            return _wrong_at_kink(problem, survey, verified, kinks.excess)
        outputs = sum(output.size for output in problem.outputs)
        if kinks.left * 2 > outputs:
            return Verification(verified, inconclusive=_ROUGH.format(kinks.left, outputs))
        sides = kinks.sides
    is_zero = survey.vanishing and not flagged
    unclear = None if survey.visible else _KINKED if verified.at_kinks else _BLURRED
    return Verification(
        verified,
        inconclusive=None if is_zero else unclear,
        is_zero=is_zero,
        structure=survey.structure,
        sides=sides,
        plan=survey.plan,
    )


def _with_kinks(verified: Verified, kinks: Adjudication, unverified: int) -> Verified:
    """Count the elements that only kinked outputs show as verified where those were accepted."""
    gained = min(kinks.accepted, unverified)
    return replace(
        verified,
        elements=verified.elements + gained,
        individually=verified.individually + (gained if verified.individually else 0),
        at_kinks=kinks.accepted,
        not_adjudicated=kinks.left,
    )


def _wrong_at_kink(
    problem: Problem, survey: Survey, verified: Verified, excess: Excess
) -> Verification:
    """A row of the Jacobian lies outside the slopes on both sides of its output."""
    index: tuple[int, ...] = ()
    if survey.structure.blocks.size(problem.value.shape) == 1:
        rows = np.array([excess.block])
        flat = flat_indices(survey.structure.blocks, problem.value.shape, 0, rows)
        index = problem.index(int(flat[0]))
    error = abs(excess.row - excess.slope)
    worst = Worst(index, excess.row, excess.slope, error, excess.slack)
    return Verification(verified, worst, failed=True, at_kink=True)


def _verified(problem: Problem, survey: Survey) -> Verified:
    parts = 1 + problem.is_complex
    size = problem.value.size // parts
    elements = size - survey.unverified // parts
    return Verified(
        of=size,
        elements=elements,
        individually=elements if survey.one_by_one else 0,
        in_blocks=0 if survey.one_by_one else elements,
        not_adjudicated=sum(int(np.count_nonzero(flags)) for flags in survey.flagged),
        method=_method(problem, survey),
        detectable_error=problem.relative(survey.detectable),
        probability=1.0 if survey.one_by_one else PROBABILITY,
    )


def _method(problem: Problem, survey: Survey) -> str:
    if survey.one_by_one:
        many = "one direction" if survey.colours == 1 else f"{survey.colours:,} directions"
        return f"each element by differences of its own, along {many}"
    return describe_blocks(problem, survey.structure.blocks)


def describe_blocks(problem: Problem, blocks: Blocks) -> str:
    """Say in words how a tensor was seen in blocks."""
    count, inside = blocks.count(problem.value.shape), blocks.size(problem.value.shape)
    words = "one block" if count == 1 else f"{count:,} blocks"
    return f"{words} of {inside:,} elements, along {PROBES} Gaussian directions"


def _untraced(problem: Problem, survey: Survey, rng: np.random.Generator) -> Verification:
    """A block is wrong in directions through all of it, but no single element stands out."""
    if survey.one_by_one or survey.failing is None:
        return conclude(problem, survey, rng)
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
    worst = next(iter(confirm(problem, bad[:1].tolist(), rng)), None)
    wrong = bad.size if not problem.is_complex else np.unique(bad // 2).size
    method = "elements that are not finite"
    return Verification(
        Verified(size, int(wrong), individually=int(wrong), method=method),
        worst,
        failed=True,
        wrong=int(wrong),
    )
