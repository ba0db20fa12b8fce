"""Which tensors of a layer share directions at a point, and what these say about each."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from layercheck.errors import LayerError
from layercheck.gradients.cells import FEW_ELEMENTS, find_structure
from layercheck.gradients.directions import gaussian
from layercheck.gradients.joint import Group, Member, verify_together
from layercheck.gradients.problem import Problem
from layercheck.gradients.residuals import compare
from layercheck.gradients.structure import Blocks, one_block
from layercheck.gradients.survey import CHEAPEST
from layercheck.gradients.verify import Verification
from layercheck.gradients.windows import Structure
from layercheck.suites.evidence import Tensor
from layercheck.suites.gradient_trials import Trial

Answers = dict[tuple[str, str], Verification | None]


def structure_of(t: Trial, tensor: Tensor, problem: Problem) -> Structure:
    """Return the structure of a tensor, found at the point where it was first asked for."""
    rng = t.case.rng("structure", tensor.kind, tensor.name)
    return t.case.memo(
        ("gradients.structure", tensor.kind, tensor.name),
        lambda: find_structure(problem, t.case.options.budget // CHEAPEST, rng),
    )


def shared_answers(t: Trial) -> Answers:
    """Verify the tensors that share directions; None for each that must be looked at alone."""
    found: Answers = t.memo("together", lambda: _answers(t))
    return found


def seem_right(t: Trial) -> bool:
    """Whether the gradients of all real tensors agree with differences along one direction."""
    agree: bool = t.memo("seem right", lambda: _agree(t))
    return agree


def _agree(t: Trial) -> bool:
    tensors = [tensor for tensor in t.tensors() if _is_comparable(tensor)]
    problems = [t.pose(tensor) for tensor in tensors]
    members = [
        Member(problem, one_block(problem), tensor.title)
        for tensor, problem in zip(tensors, problems, strict=True)
    ]
    if not members:
        return True
    whole = _group(t, tensors, members).problem()
    low = np.concatenate([np.full(p.value.size, p.low / p.scale) for p in problems])
    high = np.concatenate([np.full(p.value.size, p.high / p.scale) for p in problems])
    room = np.minimum(whole.value - low, high - whole.value) / whole.precision.largest
    v = gaussian(whole, t.case.rng("seem right"))
    v = np.sign(v) * np.minimum(np.abs(v), np.maximum(room, 0))
    found = compare(whole, Blocks((), ((),) * len(whole.outputs)), v, None)
    return not found.wrong.any()


def _is_comparable(tensor: Tensor) -> bool:
    value, gradient = np.asarray(tensor.value), tensor.gradient
    if tensor.kind == "state" or value.dtype.kind != "f" or gradient is None or not value.size:
        return False
    finite = np.isfinite(value).all() and np.isfinite(gradient).all()
    return np.shape(gradient) == value.shape and bool(finite)


def _answers(t: Trial) -> Answers:
    groups: dict[Hashable, list[tuple[Tensor, Member]]] = {}
    for tensor in t.tensors():
        member = _member(t, tensor)
        if member is not None:
            groups.setdefault(member.shares, []).append((tensor, member))
    answers: Answers = {}
    for pairs in groups.values():
        if len(pairs) > 1:
            tensors = [tensor for tensor, _ in pairs]
            rng = t.case.rng("together", *(tensor.name for tensor in tensors))
            try:
                found = verify_together(_group(t, tensors, [member for _, member in pairs]), rng)
            except LayerError:
                continue
            names = ((tensor.kind, tensor.name) for tensor in tensors)
            answers.update(zip(names, found, strict=True))
    return answers


def _group(t: Trial, tensors: Sequence[Tensor], members: Sequence[Member]) -> Group:
    def evaluate(values: Sequence[Any]) -> Any:
        return t.evaluate(tensors, values)

    def backward(upstream: Sequence[Any]) -> Any:
        return t.gradients_of(tensors, upstream)

    return Group(tuple(members), evaluate, backward)


def _member(t: Trial, tensor: Tensor) -> Member | None:
    """The tensor as one of a group; None where it is seen one by one, or cannot be verified."""
    value, gradient = np.asarray(tensor.value), tensor.gradient
    if value.dtype.kind != "f" or value.size <= FEW_ELEMENTS or not np.isfinite(value).all():
        return None
    if gradient is None or np.shape(gradient) != value.shape or not np.isfinite(gradient).all():
        return None
    problem = t.pose(tensor)
    if math.isfinite(problem.low) or math.isfinite(problem.high):
        return None
    try:
        structure = structure_of(t, tensor, problem)
    except LayerError:
        return None
    if structure.colours(value.shape) * CHEAPEST <= max(t.case.options.budget, CHEAPEST):
        return None
    return Member(problem, structure.blocks.ordered(), tensor.name)
