"""What backward gives, where that has a form of its own: a product of a few arrays, or less."""

from __future__ import annotations

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.gradients.known import contractions, known_arrays
from layercheck.gradients.products import Product, name_product, write_number
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause

_CLOSE = 1e-6


def what_backward_gives(evidence: Evidence) -> Cause | None:
    """The claimed Jacobian is itself a product of known arrays, and the true one is not."""
    e = evidence.merged
    known = known_arrays(e)
    support = e.claimed != 0
    true = np.nan_to_num(e.true)
    found = name_product(e.claimed, known, support, most=2) or contraction(e, e.claimed)
    if found is None or name_product(true, known, true != 0, most=2) is not None:
        return None
    other = _second_contraction(e, found)
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


def _second_contraction(e: Evidence, found: Product) -> str | None:
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
