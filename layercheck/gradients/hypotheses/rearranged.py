"""Gradients that are right but lie elsewhere: swapped, transposed, flipped, shifted, permuted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from layercheck.gradients.evidence import Axis, Evidence
from layercheck.outcome import Cause

Ints = npt.NDArray[np.intp]
_MANY = 6  # axes of which all subsets are tried
_CLOSE = 1e-6


def swapped_with(evidence: Evidence) -> Cause | None:
    """The gradient of another tensor, perhaps with a factor."""
    for name, true in evidence.rivals.items():
        if true.shape == evidence.claimed.shape and evidence.is_claimed(true):
            if name in evidence.specimen.output_names:
                own = evidence.specimen.output_names[evidence.output]
                text = (
                    f"the upstream gradient of {own} is used as if it were that of {name}: take "
                    "them in the other order."
                )
            else:
                text = (
                    f"what backward() returns for {evidence.name} is the true gradient of {name} "
                    "at every element: return them in the other order."
                )
            return Cause("swapped-with", text, {"with": name})
    return None


def transposed(evidence: Evidence) -> Cause | None:
    """Two axes of the tensor exchanged, or an axis of the output with one of the tensor."""
    for one, other in _equal_axes(evidence):
        a, b = evidence.axes[one], evidence.axes[other]
        if a.side != b.side and _only_moves(evidence):
            continue
        if not evidence.is_claimed(np.swapaxes(evidence.true, one, other)):
            continue
        if a.side == b.side == "tensor":
            text = (
                f"analytic is the true gradient of {evidence.name} with {a.name} and {b.name} "
                "exchanged"
            )
            fix = "transpose the result"
        elif a.side == b.side:
            text = f"the upstream gradient is used with {a.name} and {b.name} exchanged"
            fix = "transpose it first"
        else:
            text = (
                "the Jacobian that backward() applies is the transpose of the true one along "
                f"{a.name} (output) and {b.name} ({evidence.name})"
            )
            fix = "a weight or matrix in backward() is not transposed, or is once too often"
        return Cause("transposed", f"{text}: {fix}.", {"axes": [a.name, b.name]})
    return _axes_permuted(evidence)


def _only_moves(evidence: Evidence) -> bool:
    """Whether every output is one element, as it is: there is no matrix to transpose."""
    true = np.nan_to_num(evidence.true)
    per_output = np.count_nonzero(true, axis=tuple(range(evidence.rank, true.ndim)))
    return bool(np.all(per_output <= 1) and np.unique(np.round(true[true != 0], 7)).size == 1)


def _axes_permuted(evidence: Evidence) -> Cause | None:
    """The tensor's elements read in another order of its axes (a reshape for a transposition)."""
    tensor = [i for i, axis in enumerate(evidence.axes) if axis.side == "tensor"]
    if not 2 <= len(tensor) <= 4:
        return None
    shape = [evidence.axes[i].size for i in tensor]
    lead = evidence.true.shape[: evidence.rank]
    for order in itertools.permutations(range(len(shape))):
        if order == tuple(range(len(shape))):
            continue
        moved = np.transpose(
            evidence.true, [*range(evidence.rank), *(evidence.rank + k for k in order)]
        )
        if evidence.is_claimed(moved.reshape(*lead, *shape)):
            names = ", ".join(evidence.axes[tensor[k]].name for k in order)
            return Cause(
                "transposed",
                f"analytic is the true gradient of {evidence.name} written in the order of its "
                f"axes {names} and read in its own: transpose it where it is reshaped.",
                {"order": list(order)},
            )
    return None


def _equal_axes(evidence: Evidence) -> Iterator[tuple[int, int]]:
    for i, j in itertools.combinations(range(len(evidence.axes)), 2):
        a, b = evidence.axes[i], evidence.axes[j]
        if a.size == b.size > 1 and not a.is_parts and not b.is_parts:
            yield i, j


def flipped(evidence: Evidence) -> Cause | None:
    """Reversed along some axes: of the tensor, of the upstream gradient, or both (a kernel)."""
    e = evidence.merged
    free = [*e.sided("tensor"), *e.sided("output")][:_MANY]
    for count in range(1, len(free) + 1):
        for axes in itertools.combinations(free, count):
            if e.is_claimed(np.flip(e.true, axes)):
                return _flipped(e, [e.axes[i] for i in axes])
    return None


def _flipped(evidence: Evidence, axes: list[Axis]) -> Cause:
    ours = [axis.name for axis in axes if axis.side == "tensor"]
    theirs = [axis.name for axis in axes if axis.side == "output"]
    if ours and theirs:
        text = (
            "the Jacobian that backward() applies is the true one reversed along "
            f"{', '.join(theirs)}, on both sides: the kernel is flipped once too often, or not "
            "at all"
        )
    elif ours:
        text = f"analytic is the true gradient of {evidence.name} reversed along {', '.join(ours)}"
    else:
        text = f"the upstream gradient is used reversed along {', '.join(theirs)}"
    return Cause("flipped", f"{text}.", {"axes": [axis.name for axis in axes]})


def shifted(evidence: Evidence) -> Cause | None:
    """Moved by some places along one axis or two; what comes in at the edge may be anything."""
    e = evidence.merged
    for side in ("tensor", "output"):
        for axis in e.sided(side):
            for shift in _shifts(e.axes[axis].size):
                if _is_moved(e, {axis: shift}):
                    return _shifted(e, {axis: shift})
    for side in ("tensor", "output"):
        for pair in itertools.combinations(e.sided(side), 2):
            sizes = [_shifts(e.axes[axis].size) for axis in pair]
            for shifts in itertools.product(*sizes):
                moves = dict(zip(pair, shifts, strict=True))
                if _is_moved(e, moves):
                    return _shifted(e, moves)
    return None


def _shifts(size: int) -> list[int]:
    most = (size - 1) // 2 if size > 2 else 0
    return [s for k in range(1, most + 1) for s in (k, -k)]


def _is_moved(evidence: Evidence, moves: dict[int, int]) -> bool:
    """Whether claimed[i + shift] = true[i] wherever both are known."""
    moved = evidence.true
    inside = np.ones(moved.shape, bool)
    for axis, shift in moves.items():
        places = {index: place for place, index in enumerate(evidence.axes[axis].indices)}
        sources = [places.get(index - shift, -1) for index in places]
        shape = [1] * moved.ndim
        shape[axis] = -1
        moved = np.take(moved, sources, axis=axis)
        inside &= np.array([source >= 0 for source in sources]).reshape(shape)
    moved = np.where(inside, moved, np.nan)
    felt = np.count_nonzero(np.nan_to_num(moved))
    if felt < 0.5 * np.count_nonzero(np.nan_to_num(evidence.true)) or felt < 3:
        return False
    return evidence.is_claimed(moved, inside)


def _shifted(evidence: Evidence, moves: dict[int, int]) -> Cause:
    side = evidence.axes[next(iter(moves))].side
    rolled = evidence.true
    for axis, shift in moves.items():
        rolled = np.roll(rolled, shift, axis)
    around = ", and round the end" if evidence.is_claimed(rolled) else ""
    parts = " and ".join(f"{s:+d} along {evidence.axes[a].name}" for a, s in moves.items())
    if side == "tensor":
        text = f"analytic is the true gradient of {evidence.name} shifted by {parts}{around}"
    else:
        text = f"the upstream gradient is used as if shifted by {parts}{around}"
    shifts = {evidence.axes[a].name: s for a, s in moves.items()}
    return Cause("shifted", f"{text}: an index or a crop is off.", {"shift": shifts})


def permuted(evidence: Evidence) -> Cause | None:
    """Slices along one axis in another order."""
    e = evidence.merged
    for side in ("tensor", "output"):
        for axis in e.sided(side):
            order = _order_of_slices(e, axis)
            if order is not None and not np.array_equal(order, np.arange(len(order))):
                return _permuted(e, axis, order)
    return None


def _order_of_slices(evidence: Evidence, axis: int) -> Ints | None:
    """The order in which claimed slices are true ones, each used once."""
    true = np.moveaxis(np.nan_to_num(evidence.true), axis, 0)
    claimed = np.moveaxis(evidence.claimed, axis, 0)
    n = len(true)
    flat, others = claimed.reshape(n, -1), true.reshape(n, -1)
    distance = np.abs(flat[:, None] - others[None]).max(axis=-1)
    slack = 4 * evidence.noise + 1e-9 * evidence.scale
    equal = distance <= slack
    order = np.argmax(equal, axis=1)
    if not equal.any(axis=1).all() or len(set(order.tolist())) < n:
        return None
    return order if evidence.is_claimed(np.take(evidence.true, order, axis=axis)) else None


def _permuted(evidence: Evidence, axis: int, order: Ints) -> Cause:
    a = evidence.axes[axis]
    places = ", ".join(str(int(i)) for i in order[:12]) + (", ..." if len(order) > 12 else "")
    what = (
        f"analytic is the true gradient of {evidence.name} with its slices along {a.name}"
        if a.side == "tensor"
        else f"the upstream gradient is used with its slices along {a.name}"
    )
    return Cause(
        "permuted",
        f"{what} in the order {places}.",
        {"axis": a.name, "order": [int(i) for i in order]},
    )
