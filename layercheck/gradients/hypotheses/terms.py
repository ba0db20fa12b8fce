"""A term of a sum is missing: what backward lacks has a simpler form than what it gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from layercheck.gradients.evidence import Evidence, is_diagonal, pairs
from layercheck.gradients.hypotheses.claims import contraction
from layercheck.gradients.inner import name_inner
from layercheck.gradients.known import known_arrays
from layercheck.gradients.products import name_product
from layercheck.gradients.quotients import Array
from layercheck.outcome import Cause


def diagonal_term(evidence: Evidence) -> Cause | None:
    """What is missing acts element by element, while the rest connects elements."""
    lacking = -evidence.difference
    for i, j in pairs(evidence):
        if is_diagonal(evidence.true, i, j) or is_diagonal(evidence.claimed, i, j):
            continue
        if not is_diagonal(np.where(evidence.wrong, lacking, 0.0), i, j):
            continue
        name = evidence.axes[i].name
        values = np.diagonal(np.nan_to_num(lacking), axis1=i, axis2=j)
        same = np.unique(np.round(values[values != 0], 7))
        if len(same) == 1:
            what = (
                f"{same[0]:g} times the upstream gradient itself: the residual branch (z = x + ...)"
            )
        else:
            what = "a term that takes the upstream gradient element by element (past the sums)"
        return Cause(
            "missing-term",
            f"numeric - analytic vanishes unless output and element have the same {name}, while "
            f"both gradients connect different {name}: backward() lacks {what}.",
            {"axis": name},
        )
    return None


def known_term(evidence: Evidence) -> Cause | None:
    """What is missing is a product of known arrays, or a sum of such."""
    e = evidence.merged
    lacking = np.where(e.wrong, -e.difference, 0.0)
    if e.right.any() and not e.wrong.all() and np.count_nonzero(e.wrong) < 4:
        return None
    found = (
        name_product(lacking, known_arrays(e), lacking != 0)
        or contraction(e, lacking)
        or name_inner(lacking, e, lacking != 0)
    )
    if found is None or not np.any(e.claimed):
        return None
    broken = None if evidence.where else broken_invariance(evidence)
    reading = (
        f"; {broken.text}"
        if broken is not None
        else ": that term of a sum or of a product rule is missing or has the wrong sign or factor."
    )
    return Cause(
        "missing-term",
        f"numeric - analytic = {found} times the upstream gradient, at every entry{reading}",
        {"missing": str(found)},
    )


def constant_term(evidence: Evidence) -> Cause | None:
    """One number is missing at every element of an elementwise Jacobian."""
    e = evidence.merged
    same = _one_number(e, np.where(e.wrong, -e.difference, 0.0))
    if same is None or e.sided("output") or e.sided("tensor"):
        return None
    return Cause(
        "missing-term",
        f"numeric - analytic = {same:.6g} at every element, while both vary: a term of that slope "
        "is missing, as that of a shortcut (z = x + ...).",
        {"missing": same},
    )


def constant_output(evidence: Evidence) -> Cause | None:
    """The output does not depend on the tensor, and backward says that it does."""
    if np.any(np.nan_to_num(evidence.true)) or not np.any(evidence.claimed):
        return None
    count = int(np.count_nonzero(evidence.claimed))
    return Cause(
        "missing-term",
        f"the output does not change with {evidence.name} at all (its terms cancel), and "
        f"backward() has {count} contributions: the terms that cancel them are missing.",
        {"contributions": count},
    )


def _one_number(e: Evidence, lacking: Array) -> float | None:
    """The number that is missing everywhere, where neither Jacobian is one number."""
    felt = lacking[e.wrong]
    if felt.size < 6 or not e.wrong.all() or np.ptp(felt) > 1e-6 * e.scale:
        return None
    return float(np.mean(felt)) if np.ptp(np.nan_to_num(e.true)) > 1e-3 * e.scale else None


def broken_invariance(evidence: Evidence) -> Cause | None:
    """A sum over an axis that the true Jacobian makes zero, and the claimed one does not."""
    e = evidence.merged
    true = np.nan_to_num(e.true)
    laid = _laid_out(evidence)
    for side, word in (("tensor", "input"), ("output", "output")):
        for count in range(1, 4):
            for axes in itertools.combinations(e.sided(side), count):
                for weight, text in _weights(e, axes, side, laid):
                    size = np.sqrt(np.sum((true * weight) ** 2, axis=axes)).max(initial=0.0)
                    ours = np.abs(np.sum(true * weight, axis=axes)).max(initial=0.0)
                    theirs = np.abs(np.sum(e.claimed * weight, axis=axes)).max(initial=0.0)
                    if size > 0 and ours <= 1e-4 * size and theirs > 1e2 * ours + 1e-3 * size:
                        return _broken(e, axes, word, text)
    return None


def _weights(
    e: Evidence, axes: tuple[int, ...], side: str, laid: Array | None
) -> Iterator[tuple[Array, str]]:
    yield np.ones((1,) * e.true.ndim), "shift"
    if side == "tensor" and laid is not None:
        yield laid, "scale"
        yield laid - laid.mean(axis=axes, keepdims=True), "scale"


def _laid_out(evidence: Evidence) -> Array | None:
    """The tensor's values along the axes of the merged evidence; None where it is complex."""
    e, value = evidence.merged, evidence.tensor.value
    if value.dtype.kind != "f":
        return None
    names = [axis.name for axis in evidence.axes if axis.side == "tensor"]
    own = {axis.name: i for i, axis in enumerate(e.axes) if axis.side != "output"}
    places = [own[name] for name in names]
    shape = [1] * e.true.ndim
    for i, n in zip(places, value.shape, strict=True):
        shape[i] = n
    return np.transpose(value, np.argsort(places)).reshape(shape)


def _broken(e: Evidence, axes: tuple[int, ...], word: str, kind: str) -> Cause:
    names = ", ".join(e.axes[i].name for i in axes)
    if word == "output":
        text = (
            f"the outputs' sum over {names} does not depend on {e.name}, but backward() says it "
            f"does: the term that keeps their sum is missing or wrong"
        )
    elif kind == "shift":
        text = (
            f"adding a constant to {e.name} along {names} does not change the output, but "
            f"backward() says it does: the path through the mean over {names} is missing or wrong"
        )
    else:
        text = (
            f"scaling {e.name} along {names} does not change the output, but backward() says it "
            f"does: the path through the variance or length over {names} is missing or wrong"
        )
    return Cause("missing-term", f"{text}.", {"axes": names, "invariance": kind})


def fewer_connections(evidence: Evidence) -> Cause | None:
    """Backward has no contribution where forward has one (and none that forward has not)."""
    e = evidence.merged
    true, claimed = np.nan_to_num(e.true) != 0, e.claimed != 0
    lost, extra = true & ~claimed & e.wrong, claimed & ~true & e.wrong
    total = int(np.count_nonzero(true))
    if not e.sided("output") and not e.sided("tensor"):
        return None
    mostly = 2 * int(np.count_nonzero(lost)) >= int(np.count_nonzero(e.wrong))
    if lost.any() and mostly and not extra.any():
        return Cause(
            "missing-term",
            f"{np.count_nonzero(lost)} of the {total} pairs of an output and an element that "
            "forward() connects have no contribution in backward(), and no pair has one that "
            "should not: terms of the sum are missing.",
            {"missing": int(np.count_nonzero(lost)), "of": total},
        )
    if extra.any() and e.right.any() and not lost.any() and not np.any(e.wrong & ~extra):
        return Cause(
            "wrong-region",
            f"backward() adds contributions for {np.count_nonzero(extra)} pairs of an output and "
            f"an element that forward() does not connect, and is right for all {total} others.",
            {"extra": int(np.count_nonzero(extra))},
        )
    return None
