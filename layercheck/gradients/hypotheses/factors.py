"""A factor too many or too few: a known array, a mask, or one that only the ratio shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.gradients.evidence import Bools, Evidence
from layercheck.gradients.known import contractions, known_arrays, plain_arrays
from layercheck.gradients.products import Product, name_product, write_number
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause

_CLOSE = 1e-6


def missing_factor(evidence: Evidence) -> Cause | None:
    """Analytic / numeric is a product of powers of known arrays."""
    e = evidence.merged
    where, quotient = _quotient(e)
    if not where.any():
        return None
    product = name_product(quotient, known_arrays(e), where)
    if product is None or not _holds(e, product):
        return None
    exchanged = _exchanged(product)
    if exchanged is not None:
        return exchanged
    elsewhere = " where backward() is wrong" if e.right.any() else " at every entry"
    prefix = f"{e.where}, " if e.where else ""
    text = f"{prefix}analytic / numeric = {product}{elsewhere}"
    facts: dict[str, Any] = {"ratio": str(product)}
    if not e.sided("output") and not e.sided("tensor") and not _is_argument(product):
        return Cause(
            "elementwise-derivative",
            f"{text}: the formula of the local derivative is wrong by that factor.",
            facts,
        )
    return Cause("missing-factor", f"{text}: {_advice(product)}.", facts)


def _quotient(e: Evidence) -> tuple[Bools, Array]:
    """The ratio, and where backward is wrong and neither of the two is zero."""
    true = np.nan_to_num(e.true)
    both = (np.abs(true) > 8 * e.bound) & (e.claimed != 0)
    with np.errstate(all="ignore"):
        return e.wrong & both, e.claimed / true


def _holds(e: Evidence, product: Product) -> bool:
    """Whether the product explains every wrong entry, those too where one of the two is zero."""
    with np.errstate(all="ignore"):
        candidate = e.true * product.value
    return e.is_claimed(np.where(e.wrong, candidate, e.claimed), np.isfinite(e.true))


def _exchanged(product: Product) -> Cause | None:
    """One array in two orders of its axes: it is not transposed, or once too often."""
    if len(product.factors) != 2 or abs(product.constant - 1) > _CLOSE:
        return None
    (one, p), (other, q) = product.factors
    if one.name != other.name or p != -q:
        return None
    if sum(n > 1 for n in one.value.shape) < 2:
        return Cause(
            "missing-factor",
            f"{one.name} multiplies on the wrong side: backward() applies it along another axis "
            "than forward() does (to the result where it belongs to the upstream gradient, or "
            "the other way round).",
            {"array": one.name},
        )
    return Cause(
        "transposed",
        f"{one.name} is used with two of its axes exchanged: transpose it.",
        {"array": one.name},
    )


def _is_argument(product: Product) -> bool:
    """Whether the ratio is one plain array, or its inverse, square or root."""
    return product.is_plain and len(product.factors) == 1


def _advice(product: Product) -> str:
    above = [k.name for k, p in product.factors if p > 0]
    below = [k.name for k, p in product.factors if p < 0]
    if below and not above:
        return f"backward() lacks the factor {' '.join(below)}"
    if above and not below:
        return f"backward() has the factor {' '.join(above)} too many"
    return f"backward() has {' '.join(above)} where {' '.join(below)} belongs"


def wrong_side(evidence: Evidence) -> Cause | None:
    """A vector that multiplies the result where it belongs to the upstream gradient."""
    e = evidence.merged
    known = [k for k in plain_arrays(e) if sum(n > 1 for n in k.value.shape) == 1]
    for one in known:
        for other in known:
            if one is other or one.name != other.name:
                continue
            with np.errstate(all="ignore"):
                candidate = e.true * (one.value / other.value)
            if np.isfinite(candidate).any() and e.is_claimed(candidate):
                return _exchanged(Product(1.0, ((one, 1.0), (other, -1.0))))
    return None


def what_backward_gives(evidence: Evidence) -> Cause | None:
    """The claimed Jacobian is itself a product of known arrays, and the true one is not."""
    e = evidence.merged
    known = known_arrays(e)
    support = e.claimed != 0
    true = np.nan_to_num(e.true)
    found = name_product(e.claimed, known, support, most=2) or contraction(e, e.claimed)
    if found is None or name_product(true, known, true != 0, most=2) is not None:
        return None
    other = secondcontraction(e, found)
    if other is not None:
        return Cause(
            "missing-term",
            f"numeric = {other}, and analytic = {found}: backward() has one of two terms only.",
            {"claimed": str(found), "true": other},
        )
    elementwise = not e.sided("output") and not e.sided("tensor")
    return Cause(
        "elementwise-derivative" if elementwise else "missing-factor",
        f"backward() gives exactly {found} times the upstream gradient; the true gradient has "
        "further factors, of what lies between.",
        {"claimed": str(found)},
    )


def secondcontraction(e: Evidence, found: Product) -> str | None:
    """The truth as a sum of what backward gives and one more sum over products."""
    true = np.nan_to_num(e.true)
    first = np.broadcast_to(found.value, true.shape).reshape(-1)
    for known in contractions(e):
        second = np.broadcast_to(known.value, true.shape).reshape(-1)
        basis = np.stack([first, second], axis=1)
        weights, _, rank, _ = np.linalg.lstsq(basis, true.reshape(-1), rcond=None)
        if rank < 2 or np.any(np.abs(weights) < 1e-3):
            continue
        if np.max(np.abs(basis @ weights - true.reshape(-1))) <= _CLOSE * e.scale:
            numbers = [write_number(float(w)) for w in weights]
            return f"{numbers[0]} times that + {numbers[1]} {known.name}"
    return None


def contraction(e: Evidence, target: Array) -> Product | None:
    """The target as a sum over a common axis of two plain arrays, times a constant."""
    support = target != 0
    if np.count_nonzero(support) < 4 or np.ptp(target[support]) < _CLOSE * e.scale:
        return None
    for known in contractions(e):
        value = np.broadcast_to(known.value, target.shape)
        weight = float(np.sum(value[support] ** 2))
        if not weight:
            continue
        constant = float(np.sum(value[support] * target[support])) / weight
        error = np.abs(constant * value - target)[support]
        if error.max() <= _CLOSE * e.scale and constant:
            return Product(constant, ((known, 1.0),))
    return None


def mask(evidence: Evidence) -> Cause | None:
    """Right wherever the truth is not zero, and not zero where it is."""
    e = evidence.merged
    extra = (np.nan_to_num(e.true) == 0) & e.wrong
    if not np.array_equal(extra, e.wrong) or not e.right.any():
        return None
    along = _smallest_axes(e, extra, e.right)
    if along is None:
        return None
    names = ", ".join(e.axes[i].name for i in along)
    share = np.count_nonzero(extra) / np.count_nonzero(extra | e.right)
    observed = any(axis.name == "B" and axis.size > 1 for axis in e.axes)
    if observed and not any(e.axes[i].name == "B" for i in along):
        return Cause(
            "wrong-region",
            f"backward() is right wherever the true gradient is not zero, and gives values at "
            f"{np.count_nonzero(extra)} entries of the Jacobian where it is: indices along {names} "
            "that forward() does not connect, as beyond a border.",
            {"axes": names, "share": share},
        )
    return Cause(
        "missing-factor",
        f"backward() is right wherever the true gradient is not zero, and gives values at the "
        f"{share:.0%} of entries where it is: a mask that depends on {names} is missing.",
        {"axes": names, "share": share},
    )


def _smallest_axes(e: Evidence, one: Bools, other: Bools) -> list[int] | None:
    """The axes on which it depends whether an entry is in `one` or in `other`; not all of them."""
    axes = list(range(one.ndim))
    for axis in range(one.ndim):
        rest = tuple(i for i in range(one.ndim) if i in axes and i != axis)
        over = tuple(i for i in range(one.ndim) if i not in rest)
        if not np.any(one.any(axis=over) & other.any(axis=over)):
            axes.remove(axis)
    dropped = any(e.axes[i].size > 1 for i in range(one.ndim) if i not in axes)
    return axes if dropped and axes else None


def shortcut_alone(evidence: Evidence) -> Cause | None:
    """Backward passes the upstream gradient on, and that is one of several terms."""
    number = _identity(evidence)
    if number is None or not evidence.merged.sided("output"):
        return None
    times = "" if abs(number - 1) < _CLOSE else f"{number:g} times "
    true = np.nan_to_num(evidence.true)
    n = int(np.prod(true.shape[: evidence.rank]))
    share = float(np.trace(true.reshape(n, n))) / n / number
    if not 0.6 < share < 1.6:
        return None
    return Cause(
        "missing-term",
        f"backward() hands on {times}the upstream gradient unchanged; the true Jacobian is that "
        f"plus other terms (its diagonal is {share:.3g} of it on average): the path through the "
        "layer's body is missing.",
        {"claimed": number, "diagonal": share},
    )


def passes_upstream(evidence: Evidence) -> Cause | None:
    """Backward passes the upstream gradient on, where the Jacobian is no identity."""
    number = _identity(evidence)
    if number is None:
        return None
    times = "" if abs(number - 1) < _CLOSE else f"{number:g} times "
    return Cause(
        "missing-factor",
        f"backward() hands on {times}the upstream gradient unchanged, as if the layer were the "
        "identity: its Jacobian is missing.",
        {"claimed": number},
    )


def same_weight(evidence: Evidence) -> Cause | None:
    """One number wherever backward gives anything, at more places than the truth has."""
    e = evidence.merged
    values = np.unique(np.round(e.claimed[e.claimed != 0], 9))
    true = np.nan_to_num(e.true)
    if len(values) != 1 or np.any((true != 0) & (e.claimed == 0)) or not np.any(true == 0):
        return None
    felt = np.unique(np.round(true[(true != 0)], 7))
    if not np.any((e.claimed != 0) & (true == 0)):
        return None
    number = f"{felt[0]:.6g}" if len(felt) == 1 else "different numbers"
    return Cause(
        "missing-factor",
        f"backward() gives {write_number(float(values[0]))} at {np.count_nonzero(e.claimed)} "
        f"entries of the Jacobian, whatever the values are; the true one has {number} at "
        f"{np.count_nonzero(true)} of these and zero at the others: the mask that selects them is "
        "missing.",
        {"claimed": float(values[0])},
    )


def _identity(evidence: Evidence) -> float | None:
    """The number of which, times the identity, the claimed Jacobian consists."""
    rank = evidence.rank
    shape = evidence.claimed.shape
    if shape[:rank] != shape[rank:]:
        return None
    n = int(np.prod(shape[:rank]))
    square = evidence.claimed.reshape(n, n)
    number = float(square[0, 0])
    return number if number and np.all(square == number * np.eye(n)) else None


def local_factor(evidence: Evidence) -> Cause | None:
    """The ratio is not known, but it depends on fewer axes than the Jacobian."""
    e = evidence.merged
    where, quotient = _quotient(e)
    alone = e.wrong & ~where & (np.abs(np.nan_to_num(e.difference)) > 1e-6 * e.scale)
    if alone.any() or np.count_nonzero(where) < 6:
        return None
    along = _ratio_axes(e, quotient, where)
    long = [i for i, axis in enumerate(e.axes) if axis.size > 1]
    elementwise = not e.sided("output") and not e.sided("tensor")
    if len(along) == len(long) and not elementwise:
        return None
    low, high = float(quotient[where].min()), float(quotient[where].max())
    names = ", ".join(e.axes[i].name for i in along) or "nothing"
    prefix = f"{e.where}, " if e.where else ""
    facts: dict[str, Any] = {"axes": names, "lowest": low, "highest": high}
    if elementwise:
        return Cause(
            "elementwise-derivative",
            f"{prefix}each element's gradient is the upstream one times a wrong local derivative: "
            f"analytic / numeric runs from {low:.4g} to {high:.4g} over {np.count_nonzero(where)} "
            "elements.",
            facts,
        )
    return Cause(
        "missing-factor",
        f"{prefix}analytic / numeric depends on {names} alone (it runs from {low:.4g} to "
        f"{high:.4g}): one factor of the product, along {names}, is missing or wrong (as a local "
        "derivative or a weight), and the rest is right.",
        facts,
    )


def _ratio_axes(e: Evidence, quotient: Array, where: Bools) -> list[int]:
    """The axes along which the ratio varies."""
    shown = np.where(where, quotient, np.nan)
    kept = [i for i, axis in enumerate(e.axes) if axis.size > 1]
    for axis in sorted(kept, key=lambda i: -e.axes[i].size):
        over = tuple(i for i in range(shown.ndim) if i not in kept or i == axis)
        low = np.min(np.where(np.isnan(shown), np.inf, shown), axis=over)
        high = np.max(np.where(np.isnan(shown), -np.inf, shown), axis=over)
        seen = np.isfinite(low)
        compared = np.count_nonzero(~np.isnan(shown)) > 1.3 * np.count_nonzero(seen)
        slack = _CLOSE * np.maximum(np.abs(low), np.abs(high))
        if compared and np.all((high - low)[seen] <= slack[seen]):
            kept.remove(axis)
    return kept


def separable_claim(evidence: Evidence) -> Cause | None:
    """Backward's Jacobian is a product of one array along an axis and one along the rest."""
    e = evidence.merged
    true = np.nan_to_num(e.true)
    for axis in e.sided("tensor") + e.sided("output"):
        ours = np.moveaxis(e.claimed, axis, 0).reshape(e.axes[axis].size, -1)
        theirs = np.moveaxis(true, axis, 0).reshape(e.axes[axis].size, -1)
        if _rank(ours) == 1 and _rank(theirs) >= 2:
            name = e.axes[axis].name
            return Cause(
                "missing-factor",
                f"analytic is one array along {name} times one along all other axes, and numeric "
                f"is not: a factor that depends on {name} and on others, as a local derivative "
                "between, is missing.",
                {"axis": name},
            )
    return None


def _rank(matrix: Array) -> int:
    """The rank, as far as it matters here: 0, 1, or 2 for more."""
    rng = np.random.default_rng(matrix.shape[0])
    few = matrix @ rng.standard_normal((matrix.shape[1], 4))
    values = np.linalg.svd(few, compute_uv=False)
    count = int(np.count_nonzero(values > 1e-7 * max(float(values.max(initial=0.0)), 1e-300)))
    return min(count, 2)
