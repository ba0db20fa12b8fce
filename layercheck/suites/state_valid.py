"""The check that states keep their shape, dtype and finiteness, and that reset keeps the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.outcome import Cause, Source
from layercheck.rounds import Live, copies
from layercheck.suites.agreement import called, passes
from layercheck.suites.evidence import line_of_error, source_of_error, source_of_pass
from layercheck.suites.held import changed, same, values_of
from layercheck.verdict import Passed, fail, skip


def valid(case: Case) -> Passed | None:
    """Both passes and reset keep the shape, dtype and finiteness of every state.

    What a state is at the end of one batch is what the next one starts from: a state that changes
    its shape or dtype, or that becomes infinite, breaks training later and elsewhere. Reset gives
    states their first values and changes nothing else. The usual causes are `keepdims` in a mean,
    float64 constants, a variance divided by zero, and a reset that calls `__init__`.

    Fix: give the new value the shape and dtype of the old one, and let reset set states alone. A
    reset that sets a state to None is fine where the next pass makes a new one.
    """
    require_states(case)
    for mode in passes(case):
        after = case.base(mode).states
        _require_valid(case, after, called(case, mode), source_of_pass(case, mode))
    if case.subject.facts.reset:
        _require_reset(case)
    return None


def require_states(case: Case) -> None:
    """Skip the check where the layer has no states."""
    if not case.subject.states:
        skip("the layer has no states (--declare state=NAME names one)")


def _require_valid(case: Case, after: Any, call: str, source: Source | None) -> None:
    for slot, old, new in zip(case.subject.states, case.point().states, after, strict=True):
        problem = _problem(np.asarray(old), new)
        if problem is not None:
            wrong, found = problem
            fail(
                f"{call} leaves the state {slot.name} {wrong}.",
                where=found,
                source=source,
                cause=_dtype_cause(slot.name, np.asarray(old), new, call),
                fix="Give the new value the shape and dtype of the old one, and keep it finite.",
            )


def _problem(old: np.ndarray, new: Any) -> tuple[str, str] | None:
    """What is wrong with the new value of a state, and what was found."""
    if not isinstance(new, (np.ndarray, np.generic, float, complex, int)):
        return "that is no array", f"it is {type(new).__name__} afterwards"
    value = np.asarray(new)
    if value.shape != old.shape:
        return "in another shape", f"shape {old.shape} before, {value.shape} after"
    if value.ndim and value.dtype != old.dtype:  # scalars change dtype by themselves in numpy 1
        return "in another dtype", f"{old.dtype} before, {value.dtype} after"
    if value.dtype.kind in "fc" and not np.isfinite(value).all():
        count = int(np.sum(~np.isfinite(value)))
        return "not finite", f"{count} of {value.size} elements are infinite or NaN"
    return None


def _dtype_cause(name: str, old: np.ndarray, new: Any, call: str) -> Cause | None:
    value = np.asarray(new)
    if value.shape != old.shape or value.dtype == old.dtype or value.dtype.kind not in "fc":
        return None
    wider = np.promote_types(value.dtype, old.dtype) == value.dtype
    return Cause(
        "dtype-upcast" if wider else "dtype-downcast",
        f"{name} is {old.dtype} before {call} and {value.dtype} after it: it is computed from "
        f"something of that {'higher' if wider else 'lower'} precision.",
    )


def _require_reset(case: Case) -> None:
    live = Live(case)
    case.base(passes(case)[-1])
    live.run(live.inputs())
    learnables = copies(live.instance.learnables())
    _reset(case, live)
    for slot, old, new in zip(
        case.subject.learnables, learnables, copies(live.instance.learnables()), strict=True
    ):
        if not same(old, new):
            fail(
                f"The reset changes the learnable {slot.name}.",
                where=f"{slot.name} is what training learnt, not what the layer remembers",
                source=_reset_source(case),
                fix="Let reset set states alone.",
            )
    _require_valid_after_reset(case, live.instance.states())
    _require_valid_after_reset(case, _states_of_next_pass(case, live))
    _require_settings_kept(case)


def _require_valid_after_reset(case: Case, states: Any) -> None:
    _require_valid(case, _in_dtype(case, states), "The reset", _reset_source(case))


def _in_dtype(case: Case, states: Any) -> tuple[Any, ...]:
    """The states after reset, in the case's dtype where reset gave them the constructor's.

    A constructor that makes float64 states is taken as one that would make float32 ones in a
    float32 network; so is a reset that does the same.
    """
    return tuple(
        case.cast(new)
        if isinstance(new, np.ndarray) and new.dtype == np.asarray(slot.value).dtype
        else new
        for slot, new in zip(case.subject.states, states, strict=True)
    )


def _reset(case: Case, live: Live) -> None:
    try:
        live.reset()
    except LayerError as error:
        fail(
            f"{error.call} raises.",
            source=source_of_error(error, None),
            details=(f"{error}", *line_of_error(error)),
        )


def _states_of_next_pass(case: Case, live: Live) -> Any:
    """The states after a pass, which may have to make what reset has set to None."""
    try:
        live.run(live.inputs())
    except LayerError as error:
        fail(
            f"{error.call} raises after a reset.",
            source=source_of_error(error, None),
            details=(f"{error}", *line_of_error(error)),
            fix="Let reset set the first values, or let the pass make them where it finds None.",
        )
    return live.instance.states()


def _require_settings_kept(case: Case) -> None:
    """Fail where the reset of a new layer changes a number or a text that is no state.

    Emptying is fine: None, zero, False and "" are what caches and counters are reset to.
    """
    live = Live(case)
    before = values_of(live.instance)
    _reset(case, live)
    for place, (old, new) in changed(before, values_of(live.instance)).items():
        if isinstance(new, np.ndarray) or old is None or not new:
            continue
        fail(
            f"The reset changes {place.name}, which is neither a learnable nor a state.",
            where=f"{place.name} is {old!r} before and {new!r} after",
            source=_reset_source(case),
            fix="Let reset set states alone; it may not call __init__ with default arguments.",
        )


def _reset_source(case: Case) -> Source | None:
    return case.subject.sources.get("reset", case.subject.source)
