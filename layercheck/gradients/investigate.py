"""Match every hypothesis with one small specimen that shows the mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from layercheck.gradients.boxes import Box
from layercheck.gradients.directions import gaussian
from layercheck.gradients.evidence import Evidence
from layercheck.gradients.gathering import Other, gather
from layercheck.gradients.hypotheses import (
    bilinear,
    claims,
    conjugates,
    constants,
    factors,
    history,
    indices,
    kinks,
    precision,
    ranks,
    rearranged,
    reductions,
    regions,
    scattered,
    terms,
    upstream,
)
from layercheck.gradients.jacobians import claimed_of
from layercheck.gradients.residuals import compare
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.gradients.structure import one_block
from layercheck.outcome import Cause

Rule = Callable[[Evidence], Cause | None]

# In the order of trust: the first that matches names the cause, later ones are also told.
# One of these is an exact match of the whole Jacobian, and ends the search.
EXACT: tuple[Rule, ...] = (
    constants.zero_gradient,
    precision.rounding,
    constants.sign_flipped,
    constants.constant_factor,
    conjugates.conjugate,
    rearranged.swapped_with,
    factors.wrong_side,
    rearranged.transposed,
    rearranged.flipped,
    rearranged.shifted,
    rearranged.permuted,
    scattered.spread_elsewhere,
    claims.shortcut_alone,
    regions.value_region,
    claims.passes_upstream,
    constants.mean_of_contributions,
    indices.constant_region,
    reductions.wrong_axis,
    reductions.one_for_all,
    bilinear.transposed_product,
    reductions.missing_cross_terms,
    reductions.missing_sum,
    scattered.taken_elsewhere,
    terms.constant_output,
    terms.constant_term,
    factors.missing_factor,
    factors.mask,
    claims.same_weight,
    terms.known_term,
)
# These name a part of what is wrong: all that match are told.
PARTIAL: tuple[Rule, ...] = (
    reductions.leak,
    terms.diagonal_term,
    terms.broken_invariance,
    indices.index_region,
    indices.output_region,
    claims.what_backward_gives,
    factors.local_factor,
    indices.partial_in_time,
    ranks.low_rank_term,
    ranks.too_full,
    indices.partial_region,
    claims.separable_claim,
    terms.fewer_connections,
)
RULES = EXACT + PARTIAL
# From here on a rule says so little that another layout may say more.
WEAK = RULES.index(indices.index_region)
_FIRST_STEP: tuple[Rule, ...] = (
    constants.sign_flipped,
    constants.constant_factor,
    rearranged.transposed,
    claims.passes_upstream,
    regions.value_region,
    indices.constant_region,
    reductions.missing_sum,
    factors.missing_factor,
    factors.mask,
    terms.known_term,
    indices.index_region,
    factors.local_factor,
)


@dataclass(frozen=True)
class Match:
    """A cause, and how early in the order of rules it comes."""

    rank: float
    cause: Cause


def shows_mistake(specimen: Specimen, tensor: Tensor) -> bool:
    """Whether the gradient of a tensor is wrong here, along two directions."""
    return specimen.memo(("shows mistake", tensor.title), lambda: _is_wrong(specimen, tensor))


def _is_wrong(specimen: Specimen, tensor: Tensor) -> bool:
    problem = specimen.problem(tensor)
    if not np.isfinite(problem.gradient).all():
        return True
    rng = specimen.case.rng("diagnose", tensor.title)
    plan = None
    for _ in range(2):
        found = compare(problem, one_block(problem), gaussian(problem, rng), plan)
        plan = found.plan
        if found.wrong.any():
            return True
    return False


def investigate(specimen: Specimen, tensor: Tensor, other: Other) -> list[Match]:
    """Return the causes that match, the most telling first."""
    early = _early(specimen, tensor)
    if early is not None:
        return [Match(-1, early)]
    found: list[Match] = []
    for evidence in gather(specimen, tensor, other):
        if evidence.wrong.any():
            found += _matches(evidence)
    found.sort(key=lambda match: match.rank)
    if found and found[0].rank < len(EXACT):
        return _distinct(found)
    drawn = history.drawn_again(specimen, tensor)
    if drawn is not None:
        found.insert(0, Match(0, drawn))
    return _distinct(found)


def at_kinks(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """Look for a value outside the one-sided slopes."""
    claimed = claimed_of(specimen, Box({}))
    if claimed is None:
        return None
    return kinks.one_sided(specimen.problem(tensor), claimed[tensor.title], tensor.name)


def _early(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """What needs no Jacobian."""
    return (
        history.stale_memory(specimen, tensor)
        or history.overwritten(specimen, tensor)
        or upstream.upstream_use(specimen, tensor)
    )


def _matches(evidence: Evidence) -> Iterator[Match]:
    for rank, rule in enumerate(EXACT):
        cause = rule(evidence)
        if cause is not None:
            yield Match(rank, cause)
            return
    yield from _at_the_first_step(evidence)
    for rank, rule in enumerate(PARTIAL, start=len(EXACT)):
        cause = rule(evidence)
        if cause is not None:
            yield Match(rank, cause)


def _at_the_first_step(evidence: Evidence) -> Iterator[Match]:
    """In a chain over time errors spread: what is wrong within the first step comes first."""
    if not any(axis.name == "T" and axis.side != "both" for axis in evidence.merged.axes):
        return
    part = evidence.restricted("at the first step (T=0)", T=0)
    if part is None or not part.wrong.any():
        return
    for rule in _FIRST_STEP:
        cause = rule(part)
        if cause is not None:
            yield Match(RULES.index(rule) + 0.5, cause)
            return


def _distinct(found: list[Match]) -> list[Match]:
    kept: dict[str, Match] = {}
    for match in found:
        kept.setdefault(match.cause.id, match)
    return list(kept.values())
