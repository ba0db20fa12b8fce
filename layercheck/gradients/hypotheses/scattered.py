"""The right numbers at wrong places, line by line: an index that is off."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layercheck.gradients.evidence import Evidence
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause
from layercheck.where import axis_names

Ints = npt.NDArray[np.intp]


def spread_elsewhere(evidence: Evidence) -> Cause | None:
    """Every output spreads the right numbers over wrong elements, or every element gathers them."""
    true, claimed = np.nan_to_num(evidence.true), evidence.claimed
    rows = (-1, int(np.prod(true.shape[evidence.rank :])))
    true, claimed = true.reshape(rows), claimed.reshape(rows)
    if min(true.shape) < 3:
        return None
    slack = 4 * evidence.noise + 1e-7 * evidence.scale
    for axis, text in (
        (1, "every output's upstream gradient is spread with the right factors to wrong elements"),
        (0, "every element gathers the right factors of wrong outputs' upstream gradients"),
    ):
        a, b = np.sort(true, axis=axis), np.sort(claimed, axis=axis)
        moved = int(np.count_nonzero(np.any(np.abs(true - claimed) > slack, axis=axis)))
        if moved >= 2 and np.all(np.abs(a - b) <= slack):
            lines = f"{true.shape[1 - axis]} {'outputs' if axis else 'elements'}"
            several = _has_several_values(a, axis, slack)
            return Cause(
                "shifted" if several and _is_ordered(evidence) else "permuted",
                f"{text} of {evidence.name} ({moved} of {lines}): "
                + (
                    "an index is off, as with a wrong stride, dilation or padding."
                    if several
                    else "the places that are picked are wrong, or a permutation is its inverse."
                ),
                {"moved": moved, "of": true.shape[1 - axis]},
            )
    return None


def _has_several_values(lines: Array, axis: int, slack: float) -> bool:
    """Whether lines hold several different values beside zero: weights, not a selection."""
    low = np.min(np.where(np.abs(lines) > slack, lines, np.inf), axis=axis)
    high = np.max(np.where(np.abs(lines) > slack, lines, -np.inf), axis=axis)
    return bool(np.any(np.isfinite(low) & (high - low > slack)))


def _is_ordered(evidence: Evidence) -> bool:
    """Whether forward connects places along space or time."""
    return any(evidence.merged.axes[i].name[0] in "ST" for i in evidence.merged.sided("output"))


def taken_elsewhere(evidence: Evidence) -> Cause | None:
    """True and claimed entries are all values of an input, but not at the same places."""
    subject, point = evidence.specimen.case.subject, evidence.specimen.point
    true = np.nan_to_num(evidence.true)
    changed = evidence.wrong & (true != 0) & (evidence.claimed != 0)
    if np.count_nonzero(changed) < 2:
        return None
    for name, x, layout in zip(subject.input_names, point.inputs, point.layouts, strict=True):
        if name == evidence.name or x.dtype.kind != "f" or x.size < 8:
            continue
        slack = 4 * evidence.noise + 1e-7 * evidence.scale
        if _places(true[true != 0], x, slack) is None:
            continue
        if _places(evidence.claimed[evidence.claimed != 0], x, slack) is None:
            continue
        ours, theirs = (_places(array[changed], x, slack) for array in (evidence.claimed, true))
        if ours is None or theirs is None:
            continue
        names = axis_names(layout.labels)
        along = [axis for axis, a, b in zip(names, ours, theirs, strict=True) if np.any(a != b)]
        return _taken(name, along, int(np.count_nonzero(changed)))
    return None


def _taken(name: str, along: list[str], count: int) -> Cause:
    where = ", ".join(along)
    ordered = all(axis[0] in "ST" for axis in along)
    id = "shifted" if ordered else "batch-leak" if along == ["B"] else "permuted"
    advice = (
        "an index is off, as with a wrong stride, dilation or padding"
        if ordered
        else (f"its indices along {where} are mixed up")
    )
    return Cause(
        id,
        f"what multiplies the upstream gradient is {name}, as it must be, but taken at other "
        f"{where} ({count} entries of the Jacobian): {advice}.",
        {"array": name, "along": where},
    )


def _places(entries: Array, x: Array, slack: float) -> tuple[Ints, ...] | None:
    """Where in x the entries occur; None where one does not."""
    flat = x.reshape(-1)
    order = np.argsort(flat)
    values = flat[order]
    at = np.clip(np.searchsorted(values, entries), 1, len(values) - 1)
    at = np.where(np.abs(entries - values[at - 1]) < np.abs(entries - values[at]), at - 1, at)
    if np.any(np.abs(entries - values[at]) > slack):
        return None
    return np.unravel_index(order[at], x.shape)
