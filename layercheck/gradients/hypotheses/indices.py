"""Gradients that are wrong at some indices: of an observation, a border, a step, another output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layercheck.gradients.evidence import Bools, Evidence
from layercheck.gradients.hypotheses.regions import describe_indices, region_cause, what_is_there
from layercheck.outcome import Cause


def constant_region(evidence: Evidence) -> Cause | None:
    """Wrong at an index set of the tensor's own axes, and zero or off by one number there."""
    e = evidence.merged
    wrong, right = e.wrong, e.right
    own = [i for i, axis in enumerate(e.axes) if axis.side != "output"]
    if not wrong.any() or not right.any() or not what_is_there(e, wrong):
        return None
    for inside, outside in ((wrong, right), (right, wrong)):
        found = _product_set(e, inside, outside, own)
        if found is not None:
            text = found if inside is wrong else f"anything but {found}"
            return region_cause(e, text, wrong, None)
    return None


def index_region(evidence: Evidence) -> Cause | None:
    """Wrong exactly in a product of index sets, or right exactly in one."""
    e = evidence.merged
    wrong, right = e.wrong, e.right
    if not wrong.any() or not right.any():
        return None
    for inside, word in ((wrong, "wrong"), (right, "right")):
        outside = right if word == "wrong" else wrong
        found = _product_set(e, inside, outside)
        if found is not None:
            text = found if word == "wrong" else f"anything but {found}"
            return region_cause(e, text, wrong, None)
    return _by_difference(e, wrong, right)


def _product_set(
    e: Evidence, inside: Bools, outside: Bools, along: Sequence[int] | None = None
) -> str | None:
    """Describe `inside` as a product of index sets that `outside` does not meet."""
    mask, parts = np.ones(inside.shape, bool), []
    for number, axis in enumerate(e.axes):
        if along is not None and number not in along:
            continue
        others = tuple(i for i in range(inside.ndim) if i != number)
        indices = np.flatnonzero(inside.any(axis=others))
        if len(indices) == axis.size:
            continue
        shape = [1] * inside.ndim
        shape[number] = -1
        mask &= np.isin(np.arange(axis.size), indices).reshape(shape)
        side = "the output's " if axis.side == "output" else ""
        parts.append(f"{side}{describe_indices(axis, indices)}")
    if not parts or np.any(mask & outside):
        return None
    return " and ".join(parts)


def _by_difference(e: Evidence, wrong: Bools, right: Bools) -> Cause | None:
    """Wrong exactly where the output's index is past the tensor's, along an ordered axis."""
    for i, a in enumerate(e.axes):
        for j, b in enumerate(e.axes):
            if (a.side, b.side) != ("output", "tensor") or a.name != b.name or a.size < 2:
                continue
            shape_i, shape_j = [1] * wrong.ndim, [1] * wrong.ndim
            shape_i[i], shape_j[j] = -1, -1
            ahead = np.arange(a.size).reshape(shape_i) - np.arange(b.size).reshape(shape_j)
            ahead = np.broadcast_to(ahead, wrong.shape)
            for name, region in (
                (f"from an output's {a.name} back to an earlier {a.name}", ahead > 0),
                (f"from an output to its own {a.name}", ahead == 0),
                (f"between different {a.name}", ahead != 0),
            ):
                if not np.any(wrong & ~region) and not np.any(right & region):
                    return region_cause(e, f"paths {name}", wrong, None)
    return None


def output_region(evidence: Evidence) -> Cause | None:
    """Right for another output's upstream gradient, wrong for this one's."""
    if evidence.right_outputs and not evidence.right.any():
        own = evidence.specimen.output_names[evidence.output]
        return Cause(
            "missing-term",
            f"what backward() makes of the upstream gradient of {own} is wrong, and right of "
            f"{' and '.join(evidence.right_outputs)}: on the path from {own} alone to "
            f"{evidence.name} a term or factor is missing.",
            {"output": own},
        )
    return None


def partial_in_time(evidence: Evidence) -> Cause | None:
    """Right at some time steps, and mostly wrong at all others."""
    return _partial(evidence.merged, ("T",))


def partial_region(evidence: Evidence) -> Cause | None:
    """Right at some indices along one axis, and mostly wrong at all others."""
    return _partial(evidence.merged, tuple(axis.name for axis in evidence.axes))


def _partial(e: Evidence, names: tuple[str, ...]) -> Cause | None:
    elementwise = not e.sided("output") and not e.sided("tensor")
    for number, axis in enumerate(e.axes):
        if axis.name not in names:
            continue
        others = tuple(i for i in range(len(e.axes)) if i != number)
        wrong, right = e.wrong.sum(axis=others), e.right.sum(axis=others)
        fine = np.flatnonzero((wrong == 0) & (right > 0))
        spoilt = np.flatnonzero(wrong > 0)
        most = 0 if elementwise else wrong[spoilt].sum()
        if not len(fine) or not len(spoilt) or right[spoilt].sum() > most:
            continue
        side = "outputs with " if axis.side == "output" else ""
        return Cause(
            "wrong-region",
            f"backward() is right for {side}{describe_indices(axis, fine)} and wrong for "
            f"{side}{describe_indices(axis, spoilt)} ({int(wrong.sum())} entries of the Jacobian).",
            {"axis": axis.name, "right": fine.tolist(), "wrong": spoilt.tolist()},
        )
    return None
