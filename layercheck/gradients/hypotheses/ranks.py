"""Terms that pass through few numbers: what the ranks of the two Jacobians say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause

_RANK = 1e-7  # relative singular value that counts as zero
_MANY = 5  # axes of which all splits are tried
_SEEN = 12
_BATCHES = 48


def low_rank_term(evidence: Evidence) -> Cause | None:
    """What is missing is separable where neither Jacobian is: a path through few numbers."""
    e = evidence.merged
    lacking = np.where(e.wrong, -np.nan_to_num(e.difference), 0.0)
    if not np.isfinite(e.claimed).all():
        return None
    true = np.nan_to_num(e.true)
    for batch, rows, columns in _partitions(e):
        few = _rank(lacking, batch, rows, columns)
        if not 0 < few <= 2 or _extent(lacking, rows, columns) < few + 2:
            continue
        full = _rank(true, batch, rows, columns)
        given = _rank(e.claimed, batch, rows, columns)
        if few < full and max(full, given) >= few + 2:
            return _low_rank(e, few, full, rows, columns)
        if few == 1 and full < given:
            return _too_full(e, full, given, rows, columns)
    return None


def _extent(array: Array, rows: tuple[int, ...], columns: tuple[int, ...]) -> int:
    """How many rows, or columns if these are fewer, are not zero: few have a low rank anyhow."""
    felt = array != 0
    return min(
        int(np.count_nonzero(felt.any(axis=tuple(i for i in range(felt.ndim) if i not in group))))
        for group in (rows, columns)
    )


def too_full(evidence: Evidence) -> Cause | None:
    """The true Jacobian loses rank where the claimed one does not: a constraint is not kept."""
    e = evidence.merged
    true = np.nan_to_num(e.true)
    if not np.isfinite(e.claimed).all():
        return None
    for batch, rows, columns in _partitions(e):
        full = _rank(true, batch, rows, columns)
        given = _rank(e.claimed, batch, rows, columns)
        if 0 < full < given:
            return _too_full(e, full, given, rows, columns)
    return None


def _too_full(
    e: Evidence, full: int, given: int, rows: tuple[int, ...], columns: tuple[int, ...]
) -> Cause:
    names = [", ".join(e.called(i) for i in group) for group in (rows, columns)]
    return Cause(
        "missing-term",
        f"between {names[0]} and {names[1]} the true Jacobian has rank {full} and the claimed one "
        f"rank {given}: a term is missing that keeps a constraint (as weights that sum to 1, or a "
        "mean that is taken off).",
        {"rank": full, "claimed": given},
    )


def _partitions(
    e: Evidence,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """Split the axes into those that run along and two groups, the natural split first."""
    long = [i for i, axis in enumerate(e.axes) if axis.size > 1 and not axis.is_parts]
    outs, ins = e.sided("output"), e.sided("tensor")
    both = tuple(i for i in long if e.axes[i].side == "both")
    made = {(both, outs, ins)}
    if outs and ins:
        yield both, outs, ins
    if len(long) > _MANY or not long:
        return
    for kinds in itertools.product((0, 1, 2), repeat=len(long)):
        batch, rows, columns = (
            tuple(i for i, kind in zip(long, kinds, strict=True) if kind == group)
            for group in range(3)
        )
        if rows and columns and rows[0] < columns[0] and (batch, rows, columns) not in made:
            yield batch, rows, columns


def _rank(
    array: Array, batch: tuple[int, ...], rows: tuple[int, ...], columns: tuple[int, ...]
) -> int:
    """The largest rank over the batch; ranks above `_SEEN` count as `_SEEN`.

    Random projections keep the rank of a matrix up to the size they project to.
    """
    rest = [i for i in range(array.ndim) if i not in (*batch, *rows, *columns)]
    moved = np.transpose(array, [*rest, *batch, *rows, *columns])
    n, m = (int(np.prod([array.shape[i] for i in group])) for group in (rows, columns))
    matrices = moved.reshape(-1, n, m)
    rng = np.random.default_rng(n * m)
    if len(matrices) > _BATCHES:
        sizes = np.abs(matrices).max(axis=(1, 2))
        matrices = matrices[np.argsort(-sizes)[:_BATCHES]]
    if n > _SEEN:
        matrices = np.einsum("an,bnm->bam", rng.standard_normal((_SEEN, n)), matrices)
    if m > _SEEN:
        matrices = np.einsum("bnm,am->bna", matrices, rng.standard_normal((_SEEN, m)))
    values = np.linalg.svd(matrices, compute_uv=False)
    top = float(values.max(initial=0.0))
    return int((values > _RANK * top).sum(axis=-1).max(initial=0)) if top else 0


def _low_rank(
    e: Evidence, few: int, full: int, rows: tuple[int, ...], columns: tuple[int, ...]
) -> Cause:
    names = [", ".join(e.called(i) for i in group) for group in (rows, columns)]
    count = "a product" if few == 1 else f"a sum of {few} products"
    return Cause(
        "missing-term",
        f"numeric - analytic is {count} of one array along {names[0]} and one along {names[1]} "
        f"(rank {few}, where the Jacobian has rank {full}): a whole path is missing or has the "
        "wrong factor, one that passes through few numbers, such as a mean, a variance or a gate.",
        {"rank": few, "of": full},
    )
