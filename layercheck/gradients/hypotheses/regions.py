"""Gradients that are wrong in one region: where a value passes a threshold, or by index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.evidence import Axis, Bools, Evidence
from layercheck.gradients.hypotheses.constants import ratio
from layercheck.gradients.known import Known, plain_arrays
from layercheck.gradients.products import write_number
from layercheck.outcome import Cause

_NICE = (0, 1, 0.5, 2, 3, 6, 4, 5, 8, 0.1, 0.2, 0.25, 2.5, 1.5, 10, 20, 1e-3, 1e-2, 1e-6, 1e-8)
_CHANCE = 1e-5  # with which a threshold may tell two sets apart by accident
_CHANCE_AT_A_NICE_ONE = 3e-4
_CHANCE_OF_ZERO = 1e-2  # where backward gives zero by the value of the element itself: a guard


def value_region(evidence: Evidence) -> Cause | None:
    """Wrong exactly where a known array lies above, below, inside or outside of thresholds."""
    e = evidence.merged
    wrong, right = e.wrong, e.right
    inverted = _inverted(e)
    if inverted is not None:
        return inverted
    if not wrong.any() or not right.any():
        return None
    for known in _candidates(e):
        text = _threshold(known, wrong, right)
        if text is not None and not _by_chance(known, wrong, right, _is_guard(e, known)):
            return region_cause(e, text, wrong, known.name)
    return None


def _is_guard(e: Evidence, known: Known) -> bool:
    """Whether backward gives zero for elements of the array itself, one by one."""
    elementwise = not e.sided("output") and not e.sided("tensor")
    return elementwise and known.name == e.tensor.name and not np.any(e.claimed[e.wrong])


def _inverted(e: Evidence) -> Cause | None:
    """Zero where the truth is not, and not where it is: the branch is the wrong way round."""
    true, claimed = np.nan_to_num(e.true) != 0, e.claimed != 0
    if np.any(true & claimed) or not true.any() or not claimed.any():
        return None
    for known in _candidates(e):
        text = _threshold(known, claimed, true)
        if text is not None and not _by_chance(known, claimed, true):
            return Cause(
                "wrong-region",
                f"backward() is zero where the true gradient is not and the other way round: it "
                f"is zero except where {text}, where the true one vanishes. The branch is "
                "inverted.",
                {"region": text},
            )
    return None


def _candidates(e: Evidence) -> list[Known]:
    """Known arrays that differ from index to index along something."""
    own = e.tensor.name
    found = [known for known in plain_arrays(e) if known.value.size > 1]
    return sorted(found, key=lambda known: (known.name != own, "(" in known.name))


def _threshold(known: Known, wrong: Bools, right: Bools) -> str | None:
    """Say where `wrong` holds and `right` does not, if a stump on the array does."""
    value = np.broadcast_to(known.value, wrong.shape)
    for name, array in ((known.name, value), (f"|{known.name}|", np.abs(value))):
        inside, outside = array[wrong], array[right]
        if inside.min() > outside.max():
            return f"{name} {_above(outside.max(), inside.min())}"
        if inside.max() < outside.min():
            return f"{name} {_below(inside.max(), outside.min())}"
    if np.all(value[wrong] == 0) and not np.any(value[right] == 0):
        return f"{known.name} == 0"
    return None


def _by_chance(known: Known, wrong: Bools, right: Bools, guard: bool = False) -> bool:
    """Whether a threshold on that many values may fit by accident.

    Of the C(n, m) ways to choose m of n values few lie on one side of a threshold.
    """
    value = np.broadcast_to(known.value, wrong.shape)
    m, n = (np.unique(value[part]).size for part in (wrong, right))
    ways = math.lgamma(m + n + 1) - math.lgamma(m + 1) - math.lgamma(n + 1)
    text = _threshold(known, wrong, right) or ""
    nice = any(text.endswith(f" {number:g}") for number in (*_NICE[:8], -1, -2, -3))
    chance = _CHANCE_OF_ZERO if guard else _CHANCE_AT_A_NICE_ONE if nice else _CHANCE
    return ways < -math.log(chance) and not _is_exact(known, wrong, right)


def _is_exact(known: Known, wrong: Bools, right: Bools) -> bool:
    """Whether the array is at one single value wherever backward is wrong, and nowhere else."""
    value = np.broadcast_to(known.value, wrong.shape)
    return (
        np.unique(value[wrong]).size == 1
        and value[wrong][0] in _NICE[:4]
        and not np.any(value[right] == value[wrong][0])
    )


def _above(low: float, high: float) -> str:
    edge = _nice(low, high)
    return f">= {edge:g}" if edge == high else f"> {edge:g}"


def _below(low: float, high: float) -> str:
    edge = _nice(low, high)
    return f"<= {edge:g}" if edge == low or edge != high else f"< {edge:g}"


def _nice(low: float, high: float) -> float:
    """The simplest number between two."""
    for number in _NICE:
        for signed in (number, -number):
            if low <= signed <= high:
                return float(signed)
    middle = (low + high) / 2
    digits = max(0, 1 - math.floor(math.log10(max(high - low, 1e-12))))
    return round(float(middle), digits)


def describe_indices(axis: Axis, indices: Sequence[int] | npt.NDArray[np.intp]) -> str:
    """``B=0 (the first)``, ``T=4 (the last)``, ``C=3..5``, ``S1=0,2,4``, ``axis 0 of W = 4..7``."""
    found, n = [axis.indices[int(i)] for i in indices], axis.length
    name = f"{axis.name}=" if " " not in axis.name else f"{axis.name} = "
    if found == [0]:
        return f"{name}0 (the first)"
    if found == [n - 1]:
        return f"{name}{n - 1} (the last)"
    if found == [0, n - 1]:
        return f"{name}0 and {n - 1} (the border)"
    if found == list(range(1, n - 1)) and n > 3:
        return f"{name}1..{n - 2} (all but the border)"
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{name}{found[0]}..{found[-1]}{_part(found, n)}"
    return f"{name}{','.join(map(str, found))}"


def _part(found: list[int], n: int) -> str:
    """Say which of two, three or four equal parts of an axis it is, as of the gates of an LSTM."""
    parts, left = divmod(n, len(found))
    if left or parts not in (2, 3, 4) or found[0] % len(found):
        return ""
    which = ("first", "second", "third", "fourth")[found[0] // len(found)]
    return f", the {which} of {parts} equal parts"


def region_cause(e: Evidence, text: str, wrong: Bools, by_value: str | None) -> Cause:
    """Say that backward is wrong in a region, and what it gives there."""
    there = what_is_there(e, wrong)
    count = int(np.count_nonzero(wrong))
    kind = "elements" if not e.sided("output") else "entries of the Jacobian"
    facts: dict[str, Any] = {"region": text, "wrong": count}
    where = f"where {text}" if by_value is not None else f"at {text}"
    if text.startswith("paths "):
        where = f"along {text}"
    prefix = f"{e.where}, " if e.where else ""
    return Cause(
        "wrong-region",
        f"{prefix}backward() is wrong exactly {where} ({count} {kind}) and right elsewhere{there}.",
        facts,
    )


def what_is_there(e: Evidence, where: Bools) -> str:
    """What backward gives in a region, as far as one number says it."""
    true, claimed = np.nan_to_num(e.true)[where], e.claimed[where]
    if not np.any(claimed):
        return ": it gives zero there, and the true gradient is not zero"
    if not np.any(true):
        values = np.unique(np.round(claimed, 9))
        each = f" ({write_number(float(values[0]))} for each)" if len(values) == 1 else ""
        return f": the true gradient is zero there{each and ', analytic is not' + each}"
    part = replace(
        e,
        true=true,
        claimed=claimed,
        bound=e.bound[where],
        axes=(Axis("entry", true.size, "both", true.size, tuple(range(true.size))),),
    )
    factor = ratio(part)
    if factor is None:
        return ""
    return f": analytic / numeric = {write_number(factor)} there"
