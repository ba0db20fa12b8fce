"""A factor too many or too few: a known array, a mask, or one that only the ratio shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layercheck.gradients.evidence import Bools, Evidence, is_diagonal, pairs
from layercheck.gradients.hypotheses.terms import known_term
from layercheck.gradients.inner import name_inner
from layercheck.gradients.known import Known, known_arrays, plain_arrays
from layercheck.gradients.products import Product, name_product
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause

_CLOSE = 1e-6
_FEW = 0.25  # of the entries, up to which as many ratios are a factor


def missing_factor(evidence: Evidence) -> Cause | None:
    """Analytic / numeric is a product of powers of known arrays."""
    e = evidence.merged
    where, quotient = _quotient(e)
    if not where.any():
        return None
    product = name_product(quotient, known_arrays(e), where) or name_inner(quotient, e, where)
    if product is None or not _holds(e, product):
        return None
    exchanged = _exchanged(product)
    if exchanged is not None:
        return exchanged
    if any(_is_made_up(known) for known, _ in product.factors) and known_term(evidence):
        return None
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


def _is_made_up(known: Known) -> bool:
    """Whether it is a sum of arrays or a derivative: then a missing term may say it simpler."""
    return known.name.startswith("dz/d") or (known.plain and known.name.startswith("("))


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
        return f"backward() has the factor {' '.join(above)} too many, or does not divide by it"
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


def mask(evidence: Evidence) -> Cause | None:
    """Right wherever the truth is not zero, and not zero where it is."""
    e = evidence.merged
    extra = (np.nan_to_num(e.true) == 0) & e.wrong
    if not np.array_equal(extra, e.wrong) or not e.right.any():
        return None
    along = _smallest_axes(e, extra, e.right)
    if along is None:
        return None
    if _is_kept_apart(e, along):
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


def _is_kept_apart(e: Evidence, along: list[int]) -> bool:
    """Whether two of the axes are one on both sides, whose indices forward keeps apart."""
    return any(is_diagonal(e.true, i, j) for i, j in pairs(e) if i in along and j in along)


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


def local_factor(evidence: Evidence) -> Cause | None:
    """The ratio is not known, but it depends on fewer axes than the Jacobian."""
    e = evidence.merged
    where: Bools = e.wrong & (np.abs(np.nan_to_num(e.true)) > 8 * e.bound)
    with np.errstate(all="ignore"):
        quotient = np.where(where, e.claimed / e.true, 0.0)
    alone = e.wrong & ~where & (np.abs(np.nan_to_num(e.difference)) > 1e-6 * e.scale)
    if alone.any() or np.count_nonzero(where) < 6:
        return None
    along = _varying_axes(e, quotient, where)
    long = {*_varying_axes(e, e.true, where), *_varying_axes(e, e.claimed, where), *along}
    elementwise = not e.sided("output") and not e.sided("tensor")
    share = math.prod(e.axes[i].size for i in along) / math.prod(e.axes[i].size for i in long)
    if not along or (share > _FEW and not elementwise):
        return None
    low, high = float(quotient[where].min()), float(quotient[where].max())
    names = ", ".join(e.called(i) for i in along)
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


def _varying_axes(e: Evidence, array: Array, where: Bools) -> list[int]:
    """The axes along which an array varies."""
    shown = np.where(where, array, np.nan)
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
