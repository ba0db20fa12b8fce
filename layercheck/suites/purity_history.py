"""Checks of history: what was called before, on this object or another, must not matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.observations import is_random
from layercheck.outcome import Cause
from layercheck.rounds import Live, copies
from layercheck.subject import Gradients, Mode
from layercheck.suites.agreement import (
    Disagreement,
    called,
    disagreement,
    gradient_pairs,
    output_pairs,
    passes,
)
from layercheck.suites.evidence import (
    line_of_error,
    source_of_backward,
    source_of_error,
    source_of_pass,
)
from layercheck.suites.held import changed, values_of
from layercheck.tolerances import tolerance
from layercheck.verdict import Passed, fail, skip


def deterministic(case: Case) -> Passed | None:
    """The same object gives the same output for the same arguments, called twice.

    What a pass may remember is a state: it is declared or recognised, and put back for the
    second call here. Anything else that changes the output is hidden, and then neither a
    gradient nor a saved network means what it says. The usual causes are a counter, an
    exponential average or a buffer that grows, kept in an attribute that nobody knows as a state.

    Fix: make it a state (`states = ("mean",)`, or `--declare state=mean`), or do not keep it.
    """
    asked = 0
    for mode in passes(case):
        case.base(mode)
        if is_random(case, mode):
            _require_seedable(case, mode)
            continue
        _require_repeatable(case, mode)
        asked += 1
    if not asked:
        skip("the layer draws random numbers in every pass")
    return None


def _require_seedable(case: Case, mode: Mode) -> None:
    """Fail where the output differs although every generator was seeded alike."""
    base = case.base(mode)
    again = case.evaluate(case.point(), mode)
    pairs = output_pairs(case, again.outputs, base.outputs, mode)
    # The measured spread of such a layer is its randomness, so rounding alone is allowed for.
    exact = (replace(p, limit=tolerance(np.asarray(p.expected), 0.0, case.eps)) for p in pairs)
    differs = disagreement(exact)
    if differs is None:
        return
    fail(
        f"{called(case, mode)} gives other outputs to the same arguments, though every random "
        "generator was seeded alike.",
        source=source_of_pass(case, mode),
        cause=Cause(
            "nondeterministic",
            f"two runs with the same seed differ at {differs.evidence['where']}: it draws from a "
            "generator that cannot be seeded, or reads memory that nobody wrote (np.empty).",
        ),
        fix="Draw from np.random or from a Generator that the layer keeps; fill np.empty arrays.",
        **differs.evidence,
    )


def _require_repeatable(case: Case, mode: Mode) -> None:
    live = Live(case)
    live.run(live.inputs(), mode)
    live.restore(learnables=False)
    again = live.run(live.inputs(), mode)
    base = case.base(mode)
    differs = disagreement(output_pairs(case, again.outputs, base.outputs, mode))
    if differs is None:
        return
    cause = _hidden_state(case, mode, again.outputs)
    fail(
        f"{called(case, mode)} gives another output when it is called again with the same "
        "arguments.",
        source=source_of_pass(case, mode),
        cause=cause,
        fix="Declare what it keeps as a state "
        f"(--declare state={cause.evidence['attribute'] if cause else 'NAME'}), or do not keep it.",
        **differs.evidence,
    )


def _hidden_state(case: Case, mode: Mode, again: Sequence[Any]) -> Cause | None:
    """Return nondeterministic with the attribute that a new layer needs to give `again` too."""
    live = Live(case)
    before = values_of(live.instance)
    live.run(live.inputs(), mode)
    moved = changed(before, values_of(live.instance))
    for place, (old, new) in moved.items():
        live = Live(case)
        try:
            place.put(live.instance.layer, np.array(new) if isinstance(new, np.ndarray) else new)
            outputs = live.run(live.inputs(), mode).outputs
        except (LayerError, AttributeError, TypeError, KeyError, IndexError):
            continue
        if disagreement(output_pairs(case, outputs, again, mode)) is None:
            return Cause(
                "nondeterministic",
                f"the output follows the attribute {place.name}, which the call changes"
                f"{_shown(old, new)}, and which is no state.",
                {"attribute": place.name},
            )
    return None


def _shown(old: Any, new: Any) -> str:
    if np.asarray(old).size > 1 or np.asarray(new).size > 1:
        return ""
    return f" from {old} to {new}"


def backward_of_earlier_forward(case: Case) -> Passed | None:
    """Backward belongs to its own forward, whatever ran before or in between.

    Where forward hands over its memory, the backward of the first of two forwards gives the
    gradient of the first. Where the layer keeps its memory, a second round on the same object
    gives what a new object gives. The usual causes are a cache that is set only once (`if self.x
    is None`), a backward that reads an attribute although it was handed the memory, and gradient
    buffers that add up and are never emptied.

    Fix: hand everything that backward needs over in the memory, or set the cache in every
    forward; give a layer that adds gradients up a method that empties them (`zero_grad`).
    """
    expected = case.gradients()
    if case.subject.facts.memory == "handed over":
        _require_first_round(case, expected)
    else:
        _require_second_round(case, expected)
    return None


def _require_first_round(case: Case, expected: Gradients) -> None:
    live = Live(case)
    ran = live.run(live.inputs())
    live.run(live.other_inputs())
    try:
        found = live.pull_back(ran, case.upstream(case.base().outputs))
    except LayerError as error:
        _fail_round(case, error, "after a second forward, with the memory of the first")
    _compare(case, found, expected, "The first forward's backward, run after a second forward,")


def _require_second_round(case: Case, expected: Gradients) -> None:
    live = Live(case)
    ran = live.run(live.other_inputs())
    earlier = live.pull_back(ran, live.other_upstream(ran.outputs))
    earlier = Gradients(copies(earlier.inputs), copies(earlier.learnables))
    live.clear_gradients()
    live.restore()
    try:
        ran = live.run(live.inputs())
        outputs = output_pairs(case, ran.outputs, case.base().outputs, passes(case)[-1])
        if disagreement(outputs) is not None:
            skip("needs purity.deterministic")
        found = live.pull_back(ran, case.upstream(case.base().outputs))
    except LayerError as error:
        _fail_round(case, error, "in a second round on the same object")
    _compare(case, found, expected, "A second round of forward and backward", earlier)


def _fail_round(case: Case, error: LayerError, when: str) -> None:
    fail(
        f"{error.call} fails {when}.",
        source=source_of_error(error, source_of_backward(case)),
        details=(f"{error}", *line_of_error(error)),
        cause=Cause(
            "stale-memory", f"the same call succeeds on a new object; {when} it raises: {error}."
        ),
        fix="Set everything that backward needs in every forward.",
    )


def _compare(
    case: Case, found: Gradients, expected: Gradients, what: str, earlier: Gradients | None = None
) -> None:
    for of in ("inputs", "learnables"):
        pairs = gradient_pairs(case, getattr(found, of), getattr(expected, of), of=of)
        differs = disagreement(pairs)
        if differs is None:
            continue
        number = differs.pair.number
        before = None if earlier is None else getattr(earlier, of)[number]
        cause = _added_up(case, differs, before) or _stale(case, differs, what)
        fail(
            f"{what} gives another gradient than on a new object.",
            source=source_of_backward(case),
            cause=cause,
            fix="Give the layer a method that empties its gradient buffers (zero_grad), or "
            "overwrite them in each backward."
            if cause.id == "accumulates"
            else "Hand over in the memory what backward needs, or set it in every forward.",
            **differs.evidence,
        )


def _added_up(case: Case, differs: Disagreement, before: Any) -> Cause | None:
    """Return accumulates where the gradient is that of both rounds together."""
    pair = differs.pair
    if before is None or np.shape(before) != np.shape(pair.expected):
        return None
    if disagreement([replace(pair, expected=pair.expected + before)]) is not None:
        return None
    return Cause(
        "accumulates",
        f"{pair.name} after the second round is the sum of those of both rounds: backward() adds "
        "to a buffer that nothing empties.",
    )


def _stale(case: Case, differs: Disagreement, what: str) -> Cause:
    return Cause(
        "stale-memory",
        f"{differs.pair.name} changes at {differs.evidence['where']} only because of another call "
        "in between: backward() reads what belongs to another forward.",
    )
