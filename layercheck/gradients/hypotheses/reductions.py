"""Sums over the wrong axes: too many, too few, or the mean of the upstream gradient."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.gradients.evidence import Evidence, diagonal_mask, is_diagonal, pairs
from layercheck.gradients.hypotheses.regions import describe_indices
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause


def wrong_axis(evidence: Evidence) -> Cause | None:
    """Summed or averaged along an axis that must be kept, and spread over it again."""
    e = evidence.merged
    for side in ("tensor", "output"):
        axes = e.sided(side)
        for count in range(1, min(3, len(axes)) + 1):
            for chosen in itertools.combinations(axes, count):
                for word, spread in _spread(e.true, chosen):
                    if e.is_claimed(spread):
                        return _wrong_axis(e, side, chosen, word)
    return None


def _spread(true: Array, axes: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    total = np.nansum(true, axis=axes, keepdims=True)
    count = int(np.prod([true.shape[axis] for axis in axes]))
    yield "sum", np.broadcast_to(total, true.shape)
    yield "mean", np.broadcast_to(total / count, true.shape)


def _wrong_axis(evidence: Evidence, side: str, axes: tuple[int, ...], word: str) -> Cause:
    names = ", ".join(evidence.axes[axis].name for axis in axes)
    if side == "tensor":
        text = (
            f"every element of {evidence.name} gets the {word} of the true gradient over {names}: "
            f"backward() reduces {names} too, where each index needs its own"
        )
    else:
        text = (
            f"analytic is what the {word} of the upstream gradient over {names} gives: backward() "
            f"reduces the upstream gradient over {names}, where each index must keep its own"
        )
    leak = "B" in names.split(", ") and evidence.tensor.kind != "learnable"
    return Cause("batch-leak" if leak else "wrong-axis", f"{text}.", {"axes": names, "what": word})


def one_for_all(evidence: Evidence) -> Cause | None:
    """What belongs to one index along an axis is used for every index."""
    for i, j in pairs(evidence):
        if not (is_diagonal(evidence.true, i, j) and is_diagonal(evidence.claimed, i, j)):
            continue
        true = np.diagonal(evidence.true, axis1=i, axis2=j)
        for index in (0, true.shape[-1] - 1):
            same = np.broadcast_to(true[..., index : index + 1], true.shape)
            full = np.zeros_like(evidence.true)
            ids = list(range(full.ndim))
            ids[j] = i
            rest = [k for k in range(full.ndim) if k not in (i, j)]
            operands: list[Any] = [full, ids, [*rest, i]]
            np.einsum(*operands)[...] = same
            if evidence.is_claimed(full):
                axis = evidence.axes[i]
                what = "observation" if axis.name == "B" else axis.name
                return Cause(
                    "batch-leak" if axis.name == "B" else "wrong-axis",
                    f"every {what} is differentiated as if it were the one at {axis.name}={index}: "
                    f"backward() keeps or indexes what belongs to {axis.name}={index} alone.",
                    {"axis": axis.name, "index": index},
                )
    return None


def leak(evidence: Evidence) -> Cause | None:
    """Backward connects indices along an axis that forward keeps apart."""
    true_only, claimed_only = _couplings(evidence)
    return _leak(evidence, claimed_only, true_only) if claimed_only else None


def missing_cross_terms(evidence: Evidence) -> Cause | None:
    """Forward connects indices along an axis that backward keeps apart."""
    true_only, claimed_only = _couplings(evidence)
    if claimed_only or not true_only:
        return None
    return _missing_cross_terms(evidence, true_only)


Pairs = list[tuple[int, int]]


def _couplings(evidence: Evidence) -> tuple[Pairs, Pairs]:
    """The pairs of axes along which only forward, or only backward, connects indices."""
    true_only, claimed_only = [], []
    for i, j in pairs(evidence):
        apart = is_diagonal(evidence.true, i, j), is_diagonal(evidence.claimed, i, j)
        if apart == (False, True):
            true_only.append((i, j))
        elif apart == (True, False):
            claimed_only.append((i, j))
    return true_only, claimed_only


def _leak(
    evidence: Evidence, claimed_only: list[tuple[int, int]], true_only: list[tuple[int, int]]
) -> Cause:
    names = ", ".join(evidence.axes[i].name for i, _ in claimed_only)
    text = f"backward() connects different indices along {names}, which forward() keeps apart"
    if true_only:
        others = ", ".join(evidence.axes[i].name for i, _ in true_only)
        text += f", and keeps {others} apart, which forward() connects"
        return Cause("wrong-axis", f"{text}: it reduces over the wrong axis.", {"axes": names})
    off = ~_all_of(evidence, claimed_only)
    count = int(np.count_nonzero(evidence.claimed[off]))
    text += f" ({count} entries of the Jacobian)"
    id = "batch-leak" if names == "B" else "wrong-axis"
    return Cause(id, f"{text}.", {"axes": names, "entries": count})


def _missing_cross_terms(evidence: Evidence, axes: list[tuple[int, int]]) -> Cause:
    names = ", ".join(evidence.axes[i].name for i, _ in axes)
    off = ~_all_of(evidence, axes)
    count = int(np.count_nonzero(np.nan_to_num(evidence.true)[off]))
    rest = "" if np.any(evidence.wrong & ~off) else "; the diagonal is right"
    return Cause(
        "missing-term",
        f"forward() connects different indices along {names} ({count} entries of the Jacobian), "
        f"and backward() treats each alone{rest}: the term that sums over {names} is missing.",
        {"axes": names, "entries": count},
    )


def _all_of(evidence: Evidence, axes: list[tuple[int, int]]) -> np.ndarray:
    mask = np.ones(evidence.true.shape, bool)
    for i, j in axes:
        mask &= diagonal_mask(evidence, i, j)
    return mask


def missing_sum(evidence: Evidence) -> Cause | None:
    """Only some outputs contribute, or only the last contribution to each element is kept."""
    e = evidence.merged
    true = np.nan_to_num(e.true)
    kept = e.claimed != 0
    felt = true != 0
    if not e.is_claimed(np.where(kept, e.true, 0.0)) or not np.any(felt & ~kept):
        return None
    outs = e.sided("output")
    if not outs:
        return None
    cut = _cut_upstream(evidence)
    if cut is not None:
        return cut
    counts = felt.sum(axis=outs)
    rules = [_only_rows, _only_last]
    if np.any(counts == 1) and np.any(counts > 1):
        rules.reverse()  # every element of one contribution keeps it: no index is left out
    return next((cause for rule in rules if (cause := rule(e, felt, kept, outs))), None)


def _only_rows(
    e: Evidence, felt: np.ndarray, kept: np.ndarray, outs: tuple[int, ...]
) -> Cause | None:
    """The outputs that contribute form a product of index sets along output axes."""
    mask, parts = np.ones(kept.shape, bool), []
    for axis in outs:
        others = tuple(i for i in range(kept.ndim) if i != axis)
        indices = np.flatnonzero(kept.any(axis=others))
        if len(indices) == e.axes[axis].size:
            continue
        shape = [1] * kept.ndim
        shape[axis] = -1
        chosen = np.isin(np.arange(e.axes[axis].size), indices).reshape(shape)
        mask &= chosen
        parts.append((axis, describe_indices(e.axes[axis], indices)))
    if not parts or np.any((felt & mask) != kept):
        return None
    names = ", ".join(e.axes[axis].name for axis, _ in parts)
    only = " and ".join(text for _, text in parts)
    return Cause(
        "missing-sum",
        f"only outputs with {only} contribute to {e.name}, and those rightly: backward() does not "
        f"sum over all of {names}.",
        {"axes": names, "only": only},
    )


def _only_last(
    e: Evidence, felt: np.ndarray, kept: np.ndarray, outs: tuple[int, ...]
) -> Cause | None:
    """Of all contributions to an element along some output axes one is kept: `=` for `+=`."""
    counts = felt.sum(axis=outs)
    left = kept.sum(axis=outs)
    several = counts > 1
    if (
        not several.any()
        or np.any(left[counts > 0] < 1)
        or np.any(left[several] >= counts[several])
    ):
        return None
    if np.any(left[several] > counts[several] / 2 + 0.5):
        return None
    names = ", ".join(e.axes[axis].name for axis in outs)
    return Cause(
        "missing-sum",
        f"each element of {e.name} gets {int(left[several].max())} of the up to "
        f"{int(counts.max())} contributions from outputs along {names}, and those rightly: one "
        "overwrites another where they must add up (= for +=, or an index that repeats).",
        {"axes": names},
    )


def _cut_upstream(evidence: Evidence) -> Cause | None:
    """Every tensor's gradient ignores the same outputs: their upstream gradient is dropped."""
    claims = evidence.all_claims
    if len(claims) < 2 or evidence.where:
        return None
    used = [_rows_used(claim, evidence.rank) for claim in claims]
    felt = _rows_used(np.nan_to_num(evidence.true), evidence.rank)
    ignored = felt & ~np.any(used, axis=0)
    own = felt & ~_rows_used(evidence.claimed, evidence.rank)
    if not ignored.any() or not np.array_equal(ignored, own):
        return None
    parts = []
    for axis in range(evidence.rank):
        others = tuple(i for i in range(evidence.rank) if i != axis)
        indices = np.flatnonzero(np.any(used, axis=0).any(axis=others))
        if len(indices) < evidence.axes[axis].size:
            parts.append(describe_indices(evidence.axes[axis], indices))
    return Cause(
        "wrong-region",
        f"backward() uses the upstream gradient at {' and '.join(parts) or 'some indices'} alone, "
        "for every input and learnable; it drops the rest.",
        {"used": parts},
    )


def _rows_used(array: Array, rank: int) -> np.ndarray:
    return np.asarray((array != 0).any(axis=tuple(range(rank, array.ndim))))
