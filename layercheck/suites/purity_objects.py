"""Checks of several objects, and of several forwards that one backward serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.conventions.places import Place
from layercheck.outcome import Cause
from layercheck.rounds import Live, Ran, copies
from layercheck.subject import Arrays, Gradients, Mode
from layercheck.suites.agreement import (
    Disagreement,
    Pair,
    called,
    disagreement,
    gradient_pairs,
    output_pairs,
    passes,
)
from layercheck.suites.evidence import source_of_backward, source_of_pass
from layercheck.suites.held import changed, shared_values
from layercheck.suites.writes import has_gradients
from layercheck.verdict import Passed, fail, skip

Moved = dict[Place, tuple[Any, Any]]


def instances_independent(case: Case) -> Passed | None:
    """Using a second object of the layer in between changes nothing for the first.

    A network has many layers of one class, and each runs forward before the first runs backward.
    The usual causes are a cache in a class attribute or a global variable, and a mutable default
    argument (`def __init__(self, cache={})`).

    Fix: create in `__init__` what the object writes to.
    """
    training = passes(case)[-1]
    case.base(training)
    with_backward = has_gradients(case)
    disturbed, moved = _round(case, Live(case), with_backward)
    pure = Round(case.gradients() if with_backward else None, case.base(training).outputs)
    if _first_difference(case, disturbed, pure, training)[0] is None:
        return None
    alone, _ = _round(case, None, with_backward)
    differs, of_gradient = _first_difference(case, disturbed, alone, training)
    if differs is None:
        return None
    name = "backward()" if of_gradient else called(case, training)
    fail(
        f"{name} gives something else after a second object of the layer was used.",
        source=source_of_backward(case) if of_gradient else source_of_pass(case, training),
        cause=_shared(moved),
        fix="Create in __init__ what the object writes to, not in the class or the module.",
        **differs.evidence,
    )


@dataclass(frozen=True)
class Round:
    """What a round of one object gave: its gradients, and the outputs of the forward after it."""

    gradients: Gradients | None
    outputs: Arrays


def _round(case: Case, another: Live | None, with_backward: bool) -> tuple[Round, Moved]:
    """Run forward, backward and forward again, with a round of `another` after each forward."""
    first, moved, gradients = Live(case), {}, None
    ran = first.run(first.inputs())
    upstream = case.upstream(ran.outputs)
    if another is not None:
        before = shared_values(first.instance.layer)
        _use(case, another, with_backward)
        moved = changed(before, shared_values(first.instance.layer))
    if with_backward:
        found = first.pull_back(ran, upstream)
        gradients = Gradients(copies(found.inputs), copies(found.learnables))
        first.clear_gradients()
    first.restore()
    again = first.run(first.inputs())
    return Round(gradients, copies(again.outputs)), moved


def _use(case: Case, live: Live, with_backward: bool) -> None:
    ran = live.run(live.other_inputs())
    if with_backward:
        live.pull_back(ran, live.other_upstream(ran.outputs))


def _first_difference(
    case: Case, actual: Round, expected: Round, mode: Mode
) -> tuple[Disagreement | None, bool]:
    """Return the first difference of two rounds, and whether it is one of gradients."""
    if actual.gradients is not None and expected.gradients is not None:
        for of in ("inputs", "learnables"):
            a, e = getattr(actual.gradients, of), getattr(expected.gradients, of)
            differs = disagreement(gradient_pairs(case, a, e, of=of))
            if differs is not None:
                return differs, True
    return disagreement(output_pairs(case, actual.outputs, expected.outputs, mode)), False


def _shared(moved: Moved) -> Cause | None:
    if not moved:
        return None
    names = [place.name for place in moved][:3]
    return Cause(
        "stale-memory",
        f"both objects share {', '.join(names)}, which the second one wrote.",
        {"shared": names},
    )


def forwards_retained(case: Case) -> Passed | None:
    """One backward serves every forward since the last, and its gradients add up.

    Where a convention keeps the inputs of several forwards (weights that are used twice), backward
    gets one upstream gradient for each, and the learnables get the sum. The usual causes of a
    wrong sum are a loop that takes the last input for all, and `=` where `+=` belongs.

    Fix: pair each upstream gradient with its own input, and add.
    """
    if not case.subject.facts.several_forwards:
        skip("the layer's convention keeps one forward at a time")
    case.gradients()
    live = Live(case)
    rans: list[Ran] = []
    upstreams: list[Arrays] = []
    alone: list[Gradients] = []
    for inputs in (live.inputs(), live.other_inputs()):
        evaluation = case.evaluate(replace(case.point(), inputs=inputs))
        upstreams.append(case.upstream(evaluation.outputs, len(upstreams)))
        alone.append(case.pull_back(evaluation, upstreams[-1]))
        rans.append(live.run(inputs))
    together = live.pull_back_all(rans, upstreams)
    differs = disagreement(_retained_pairs(case, together, alone))
    if differs is None:
        return None
    fail(
        "One backward() after two forwards gives another gradient than two rounds together.",
        source=source_of_backward(case),
        fix="Pair each upstream gradient with the input of its own forward, and add (+=).",
        **differs.evidence,
    )


def _retained_pairs(
    case: Case, together: Sequence[Gradients], alone: Sequence[Gradients]
) -> Iterator[Pair]:
    """Pair the input gradients of each forward, and the sum of the learnable gradients."""
    for found, expected in zip(together, alone, strict=True):
        yield from gradient_pairs(case, found.inputs, expected.inputs, of="inputs")
    sums = [_sum(own) for own in zip(*(g.learnables for g in alone), strict=True)]
    yield from gradient_pairs(case, together[-1].learnables, sums, of="learnables")


def _sum(gradients: tuple[Any, ...]) -> Any:
    return None if any(d is None for d in gradients) else np.asarray(sum(gradients))
