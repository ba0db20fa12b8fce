"""Match every hypothesis with one small specimen that shows the mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from layercheck.errors import LayerError
from layercheck.gradients.directions import gaussian
from layercheck.gradients.evidence import PARTS, Axis, Evidence, Refit
from layercheck.gradients.hypotheses import (
    constants,
    factors,
    history,
    kinks,
    precision,
    rearranged,
    reductions,
    regions,
    terms,
    upstream,
)
from layercheck.gradients.jacobians import Box, Jacobian, box_of, claimed_of, true_of
from layercheck.gradients.quotients import Array
from layercheck.gradients.residuals import compare
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.gradients.structure import one_block
from layercheck.layout import Layout
from layercheck.outcome import Cause
from layercheck.where import axis_names

Rule = Callable[[Evidence], Cause | None]

# In the order of trust: the first that matches names the cause, later ones are also told.
# One of these is an exact match of the whole Jacobian, and ends the search.
EXACT: tuple[Rule, ...] = (
    constants.zero_gradient,
    precision.rounding,
    constants.sign_flipped,
    constants.constant_factor,
    constants.conjugate,
    rearranged.swapped_with,
    factors.wrong_side,
    rearranged.transposed,
    rearranged.flipped,
    rearranged.shifted,
    rearranged.permuted,
    factors.shortcut_alone,
    regions.value_region,
    factors.passes_upstream,
    constants.mean_of_contributions,
    regions.constant_region,
    reductions.wrong_axis,
    reductions.one_for_all,
    reductions.missing_cross_terms,
    reductions.missing_sum,
    rearranged.taken_elsewhere,
    terms.constant_output,
    terms.constant_term,
    factors.missing_factor,
    factors.mask,
    factors.same_weight,
    terms.known_term,
)
# These name a part of what is wrong: all that match are told.
PARTIAL: tuple[Rule, ...] = (
    reductions.leak,
    terms.diagonal_term,
    terms.broken_invariance,
    regions.index_region,
    regions.output_region,
    factors.what_backward_gives,
    factors.local_factor,
    regions.partial_in_time,
    terms.low_rank_term,
    terms.too_full,
    regions.partial_region,
    factors.separable_claim,
    terms.fewer_connections,
)
RULES = EXACT + PARTIAL
# From here on a rule says so little that another layout may say more.
WEAK = RULES.index(regions.index_region)
_FIRST_STEP: tuple[Rule, ...] = (
    constants.sign_flipped,
    constants.constant_factor,
    rearranged.transposed,
    factors.passes_upstream,
    regions.value_region,
    regions.constant_region,
    reductions.missing_sum,
    factors.missing_factor,
    factors.mask,
    terms.known_term,
    regions.index_region,
    factors.local_factor,
)


@dataclass(frozen=True)
class Match:
    """A cause, and how early in the order of rules it comes."""

    rank: float
    cause: Cause


def shows_mistake(specimen: Specimen, tensor: Tensor) -> bool:
    """Whether the gradient of a tensor is wrong here, along two directions."""
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


Other = Callable[[tuple[str, ...]], Specimen | None]


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
    spoilt = history.spoilt(specimen, tensor, specimen.problem(tensor))
    if spoilt is not None:
        found.insert(0, Match(0, spoilt))
    return _distinct(found)


def at_kinks(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """Look for a value outside the one-sided slopes."""
    claimed = claimed_of(specimen, Box({}))
    if claimed is None:
        return None
    return kinks.one_sided(specimen.problem(tensor), claimed[tensor.title], tensor.name)


def _early(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """What needs no Jacobian."""
    found = history.stale_memory(specimen, tensor)
    if found is not None:
        return found
    found = upstream.upstream_use(specimen, tensor)
    if found is not None and found.id == "upstream-nonlinear":
        spoilt = history.spoilt(specimen, tensor, specimen.problem(tensor))
        return spoilt or found
    return found


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


def gather(specimen: Specimen, tensor: Tensor, other: Other) -> list[Evidence]:
    """Return the evidence for every output; none where that takes too long."""
    box = box_of(specimen, tensor)
    true, claimed = true_of(specimen, tensor, box), claimed_of(specimen, box)
    if true is None or claimed is None:
        return []
    part = replace(tensor, value=box.cut(tensor.value))
    found = [
        Evidence(
            specimen,
            part,
            k,
            jacobian.value,
            claims,
            jacobian.bound,
            _axes(specimen, tensor, k, box),
            _rivals(specimen, tensor, k, true, box),
            _shares(true, k),
            all_claims=tuple(of_tensor[k] for of_tensor in claimed.values()),
            refit=_refit(other, tensor, k),
        )
        for k, (jacobian, claims) in enumerate(zip(true, claimed[tensor.title], strict=True))
    ]
    names = specimen.output_names
    right = tuple(names[e.output] for e in found if e.right.any() and not e.wrong.any())
    return [replace(e, right_outputs=right) for e in found]


def _shares(true: tuple[Jacobian, ...], k: int) -> bool:
    """Whether other outputs depend on elements that output `k` depends on."""
    touched = [_touched(jacobian) for jacobian in true]
    size = touched[k].ndim
    others = [t for number, t in enumerate(touched) if number != k and t.ndim == size]
    return any(bool(np.any(t & touched[k])) for t in others)


def _touched(jacobian: Jacobian) -> npt.NDArray[np.bool_]:
    """Which elements an output depends on."""
    felt = np.nan_to_num(jacobian.value) != 0
    return np.asarray(felt.any(axis=tuple(range(jacobian.output_rank))))


def _refit(other: Other, tensor: Tensor, k: int) -> Callable[[tuple[str, ...]], Refit | None]:
    def refit(names: tuple[str, ...]) -> Refit | None:
        specimen = other(names)
        own = specimen.tensor(tensor.kind, tensor.name) if specimen is not None else None
        if specimen is None or own is None:
            return None
        ratio = constants.ratio_along_directions(specimen, own, k)
        return Refit(ratio, constants.batch_size(specimen))

    return refit


def _rivals(
    specimen: Specimen, tensor: Tensor, k: int, own: tuple[Jacobian, ...], box: Box
) -> dict[str, Array]:
    """True Jacobians of other outputs, and with respect to other tensors, of the same shape."""
    names = specimen.output_names
    found = {
        names[number]: jacobian.value
        for number, jacobian in enumerate(own)
        if number != k and jacobian.value.shape == own[k].value.shape
    }
    for other in specimen.tensors:
        if other.title != tensor.title and other.value.shape == tensor.value.shape:
            try:
                true = true_of(specimen, other, box)
            except LayerError:
                continue
            if true is not None and k < len(true):
                found[other.name] = true[k].value
    return found


def _axes(specimen: Specimen, tensor: Tensor, k: int, box: Box) -> tuple[Axis, ...]:
    """Name the axes of an output and of a tensor."""
    output = [z for z in specimen.outputs if z.dtype.kind in "fc"][k]
    layouts = specimen.point.layouts
    own = layouts[tensor.position] if tensor.kind == "input" else None
    axes = []
    for array, side, names in (
        (output, "output", _names(output.shape, layouts, None, f"output {k + 1}")),
        (tensor.value, "tensor", _names(tensor.value.shape, layouts, own, tensor.name)),
    ):
        lengths = array.shape
        if np.iscomplexobj(array):
            names, lengths = (*names, PARTS), (*lengths, 2)
        for name, n, indices in zip(names, lengths, box.of(lengths), strict=True):
            axes.append(Axis(name, len(indices), side, n, tuple(int(i) for i in indices)))
    return tuple(axes)


def _names(
    shape: tuple[int, ...], layouts: tuple[Layout, ...], own: Layout | None, name: str
) -> tuple[str, ...]:
    """Labels where the shape is that of a layout, broadcast or with other sizes; else by size."""
    if own is not None:
        return axis_names(own.labels)
    for layout in layouts:
        if len(shape) == layout.rank and _fits(shape, layout, name.startswith("output")):
            return axis_names(layout.labels)
    known: dict[int, str] = {}
    for layout in layouts:
        for label, n in zip(axis_names(layout.labels), layout.shape, strict=True):
            known.setdefault(n, label)
    names: list[str] = []
    for axis, n in enumerate(shape):
        label = known.get(n, "") if name.startswith("output") else ""
        names.append(label if label and label not in names else f"axis {axis} of {name}")
    return tuple(names)


def _fits(shape: tuple[int, ...], layout: Layout, is_output: bool) -> bool:
    """Whether a shape broadcasts against a layout; an output may have other sizes but for B."""
    fits = [n in (1, m) for n, m in zip(shape, layout.shape, strict=True)]
    if all(fits):
        return True
    return (
        is_output
        and "B" in layout.format
        and shape[layout.find("B")] == layout.shape[layout.find("B")]
        and sum(fits) >= 1
    )


def _distinct(found: list[Match]) -> list[Match]:
    kept: dict[str, Match] = {}
    for match in found:
        kept.setdefault(match.cause.id, match)
    return list(kept.values())
