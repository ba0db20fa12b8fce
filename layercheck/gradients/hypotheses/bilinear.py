"""A matrix inside that is used without its transposition, as the scores of an attention."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from layercheck.gradients.evidence import Evidence, diagonal_mask, pairs
from layercheck.gradients.known import Known, plain_arrays
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause

_CLOSE = 1e-6


def transposed_product(evidence: Evidence) -> Cause | None:
    """Backward applies D to a known array where D transposed belongs, or the reverse.

    With every row of D made of the upstream gradient of that row alone, the Jacobian of D' q is a
    product M q, and that of D q has the sums of M q on its diagonal: either tells the other.
    """
    e = evidence.merged
    true = np.nan_to_num(e.true)
    slack = _CLOSE * e.scale + 4 * e.noise
    for i, j in pairs(e):
        for known, column in _along(e, i, j):
            for factored, other in ((true, e.claimed), (e.claimed, true)):
                expected = _exchanged(e, factored, known.value, (i, j, column))
                if expected is not None and np.all(np.abs(expected - other) <= slack):
                    return _transposed(e, known, i)
    return None


def _along(e: Evidence, i: int, j: int) -> Iterator[tuple[Known, int]]:
    """Known arrays along the output's axis of a pair and along one other axis of the tensor."""
    for known in plain_arrays(e):
        long = {axis for axis, n in enumerate(known.value.shape) if n > 1}
        own = [axis for axis in long if e.axes[axis].side == "tensor"]
        if i in long and len(own) == 1 and own != [j] and not known.name.startswith("("):
            yield known, own[0]


def _exchanged(
    e: Evidence, factored: Array, known: Array, axes: tuple[int, int, int]
) -> Array | None:
    """The Jacobian of D q where `factored` is that of D' q; None where it is no such product."""
    i, j, column = axes
    with np.errstate(all="ignore"):
        inner = factored / known
    if not np.isfinite(inner).all():
        return None
    first = np.take(inner, [0], axis=column)
    if not np.any(first) or np.any(np.abs(inner - first) > _CLOSE * np.abs(inner).max()):
        return None
    total = np.sum(first * np.swapaxes(known, i, j), axis=j, keepdims=True)
    return np.asarray(total * diagonal_mask(e, i, j))


def _transposed(e: Evidence, known: Known, axis: int) -> Cause:
    name = e.axes[axis].name
    return Cause(
        "transposed",
        f"backward() multiplies {known.name} by a matrix between {name} and {name} (as the scores "
        f"of an attention) without transposing it, or transposes it once too often: what belongs "
        f"to one {name} is taken from the other.",
        {"array": known.name, "axis": name},
    )
