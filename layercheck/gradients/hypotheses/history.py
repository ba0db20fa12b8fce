"""Gradients spoilt by what was written or drawn on the way: the right answer to another call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.copying import copy_object
from layercheck.errors import LayerError
from layercheck.gradients.directions import gaussian
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import to_real
from layercheck.gradients.residuals import compare
from layercheck.gradients.specimen import Backward, Specimen, Tensor
from layercheck.gradients.structure import one_block
from layercheck.outcome import Cause
from layercheck.randomness import Generators, seeded_defaults

_PROBES = 3


def overwritten(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """Name what backward or forward did to its arguments, if that explains the gradient."""
    problem = specimen.problem(tensor)
    watched = specimen.watched_pull_back(specimen.upstream())
    for rule in (_mutated_upstream, _updated_learnables):
        cause = rule(specimen, tensor, problem, watched)
        if cause is not None:
            return cause
    return _mutated_input(specimen, tensor, problem)


def is_gradient(problem: Problem, rng: np.random.Generator) -> bool:
    """Whether the problem's gradient is right along a few directions."""
    for _ in range(_PROBES):
        found = compare(problem, one_block(problem), gaussian(problem, rng))
        if found.wrong.any():
            return False
    return True


def _mutated_upstream(
    specimen: Specimen, tensor: Tensor, problem: Problem, watched: Backward
) -> Cause | None:
    """Right for the upstream gradient as backward left it, not for the one it got."""
    given = specimen.upstream()
    if all(np.array_equal(a, b) for a, b in zip(given, watched.upstream, strict=True)):
        return None
    left = tuple(to_real(d) for d in watched.upstream if d.dtype.kind in "fc")
    changed = replace(problem, upstream=tuple(d.astype(np.float64) for d in left))
    if not is_gradient(changed, specimen.case.rng("spoilt", tensor.title)):
        return None
    return Cause(
        "mutates-upstream",
        f"backward() writes to the upstream gradient, and what it returns for {tensor.name} is "
        "right for the overwritten values: work on a copy.",
    )


def _updated_learnables(
    specimen: Specimen, tensor: Tensor, problem: Problem, watched: Backward
) -> Cause | None:
    """Right for the learnables as backward left them."""
    before = specimen.point.learnables
    changed = [
        slot.name
        for slot, a, b in zip(
            specimen.case.subject.learnables, before, watched.learnables, strict=True
        )
        if not np.array_equal(a, b)
    ]
    if not changed:
        return None
    point = replace(specimen.point, learnables=watched.learnables)
    if not _is_right_at(specimen, tensor, problem, point, watched.gradients[tensor.title]):
        return None
    names = ", ".join(changed)
    return Cause(
        "updates-learnables-in-backward",
        f"backward() changes {names}, and what it returns for {tensor.name} is right for the "
        "changed values: compute all gradients before anything is updated.",
        {"learnables": names},
    )


def _mutated_input(specimen: Specimen, tensor: Tensor, problem: Problem) -> Cause | None:
    """Right for the inputs as forward left them."""
    left = tuple(np.asarray(x) for x in specimen.evaluation.done.inputs)
    names = specimen.case.subject.input_names
    changed = [
        name
        for name, a, b in zip(names, specimen.point.inputs, left, strict=True)
        if not np.array_equal(a, b)
    ]
    if not changed or any(
        a.shape != b.shape for a, b in zip(specimen.point.inputs, left, strict=True)
    ):
        return None
    point = replace(specimen.point, inputs=copy_object(left))
    if not _is_right_at(specimen, tensor, problem, point, specimen.claimed(tensor)):
        return None
    return Cause(
        "mutates-input",
        f"forward() overwrites {', '.join(changed)}, and what backward() returns for "
        f"{tensor.name} is right for the overwritten values: work on a copy.",
    )


def _is_right_at(
    specimen: Specimen, tensor: Tensor, problem: Problem, point: Any, gradient: Any
) -> bool:
    """Whether a gradient is right at another point, and wrong at the specimen's own."""
    try:
        there = Specimen(specimen.case, point)
        own = there.tensor(tensor.kind, tensor.name)
        if own is None or not there.is_finite or gradient.shape != own.value.shape:
            return False
        reals = to_real(gradient).astype(np.float64)
        posed = replace(there.problem(own), gradient=reals)
        return is_gradient(posed, specimen.case.rng("spoilt", tensor.title))
    except LayerError:
        return False


def stale_memory(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """Another forward of another object changes what backward gives for this one."""
    case, upstream = specimen.case, specimen.upstream()
    before = specimen.pull_back(upstream)[tensor.title]
    other = case.point(draw=1, sizes=specimen.point.layouts)
    try:
        case.evaluate(other, specimen.mode)
        after = specimen.pull_back(upstream)[tensor.title]
    except LayerError:
        return None
    if np.array_equal(before, after, equal_nan=True):
        return None
    return Cause(
        "stale-memory",
        f"backward() gives another gradient of {tensor.name} once another forward() has run on "
        "another object: what forward() keeps lies in the class or the module, not in the object.",
    )


def drawn_again(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """Backward draws random numbers of its own, and the gradient depends on them."""
    first, second = (_drawn(specimen, tensor, seed) for seed in (1, 2))
    if first is None or second is None or np.array_equal(first, second, equal_nan=True):
        return None
    return Cause(
        "nondeterministic",
        f"what backward() returns for {tensor.name} depends on random numbers that it draws "
        "itself: keep those that forward() drew.",
    )


def _drawn(specimen: Specimen, tensor: Tensor, seed: int) -> Any:
    count = len(specimen.evaluation.outputs)
    instance, done = specimen.evaluation.copied()
    upstream: Sequence[Any] = specimen.upstream()
    states = tuple(upstream[count:]) if len(upstream) > count else None
    generators = Generators(*instance.roots())
    try:
        with generators.preserved(), seeded_defaults(seed):
            generators.seed(seed)
            found = instance.pull_back(done, tuple(upstream[:count]), states)
            return copy_object(specimen.named(found)[tensor.title])
    except LayerError:
        return None
