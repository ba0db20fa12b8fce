"""The check that a layer behaves as new after its reset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.rounds import Live, copies
from layercheck.suites.agreement import (
    Disagreement,
    Pair,
    called,
    disagreement,
    output_pairs,
    passes,
)
from layercheck.suites.state_valid import require_states
from layercheck.tolerances import tolerance
from layercheck.verdict import Passed, fail, skip


def reset(case: Case) -> Passed | None:
    """After reset the layer behaves as a new one, whatever it has seen.

    Between two sequences, or two runs of training, nothing of the first may remain. The usual
    causes are a state that reset forgets, and a first value in reset that is not the one in the
    constructor.

    Fix: set every state in reset, to the value that it has in a new layer.
    """
    require_states(case)
    if not case.subject.facts.reset:
        if case.subject.framework != "numpy":
            skip(f"{case.subject.framework} has no reset of states")
        skip("the layer has no reset method (--declare reset=METHOD names one)")
    for mode in passes(case):
        case.base(mode)
    used, new = _unassigned(case), _unassigned(case)
    for mode in passes(case):
        used.run(used.other_inputs(), mode)
    used.reset()
    if not _is_new(case):
        new.reset()
    differs = _first_difference(case, used, new)
    if differs is None:
        return None
    pair, call = differs
    fail(
        f"After a reset the layer does not behave as {'new' if _is_new(case) else 'before'}: "
        f"{pair.pair.name} differs{call}.",
        source=case.subject.sources.get("reset", case.subject.source),
        fix="Set every state in the reset, to the value that it has in a new layer.",
        **pair.evidence,
    )


def _unassigned(case: Case) -> Live:
    """A live layer with its own first states; with learnables that no constructor sets."""
    instance = case.subject.build(case.dtype, case.layouts)
    instance.assign(case.learnables, copies(instance.states()))
    return Live(case, instance=instance)


def _is_new(case: Case) -> bool:
    """Whether the states look like those of a new layer: each of one value throughout.

    An object that was used before it was handed over cannot be compared with a new one; then
    two resets are compared, one of them after more passes.
    """
    return all(np.unique(np.asarray(slot.value)).size <= 1 for slot in case.subject.states)


def _first_difference(case: Case, used: Live, new: Live) -> tuple[Disagreement, str] | None:
    differs = disagreement(_state_pairs(case, used, new))
    if differs is not None:
        return differs, ""
    for mode in passes(case):
        found = copies(used.run(used.inputs(), mode).outputs)
        expected = copies(new.run(new.inputs(), mode).outputs)
        differs = disagreement(output_pairs(case, found, expected, mode))
        if differs is not None:
            return differs, f" in {called(case, mode)}"
    differs = disagreement(_state_pairs(case, used, new))
    return None if differs is None else (differs, " after the next pass")


def _state_pairs(case: Case, used: Live, new: Live) -> Iterator[Pair]:
    states: Any = zip(used.instance.states(), new.instance.states(), strict=True)
    for slot, (actual, expected) in zip(case.subject.states, states, strict=True):
        if actual is None or expected is None:
            continue
        limit = tolerance(np.asarray(expected), max(case.spread("forward"), default=0.0), case.eps)
        yield Pair(f"state {slot.name}", slot.name, actual, expected, limit)
