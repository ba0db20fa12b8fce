"""The gradient of one tensor: verified at every point, and what that says together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from layercheck.case import Case
from layercheck.gradients.diagnose import Diagnosis
from layercheck.gradients.verify import Verification
from layercheck.outcome import Cause, Finding, Verified
from layercheck.suites.evidence import Tensor, sizes, source_of_backward, source_of_pass
from layercheck.suites.gradient_answers import answer
from layercheck.suites.gradient_causes import compared, count_wrong, diagnosis
from layercheck.suites.gradient_regimes import Regime, regimes
from layercheck.suites.gradient_trials import Trial, reference, trials
from layercheck.verdict import Failed, Inconclusive, Passed, skip

_AT_KINK = Cause(
    "one-sided-at-kink",
    "forward() has a kink here, and the gradient lies outside the slopes on both sides of it.",
)
_CUT = (
    "Look for a path that is cut on the way (detach, .data, stop_gradient, arrays of another "
    "library), and for a derivative written by hand."
)
_NAMED = 3  # other wrong elements that are listed
_SIDES = ("the slope of the lower side", "that of the upper side", "one in between")


@dataclass(frozen=True)
class _Answer:
    """What was found at one point."""

    trial: Trial
    found: Verification


def verified(case: Case, kind: str, name: str) -> Passed:
    """Verify one tensor's gradient at every point; raises `Failed` or `Inconclusive`."""
    if kind == "input" and case.is_integer(case.subject.input_names.index(name)):
        skip(f"{name} holds integers")
    wide = reference(case)
    before = wide.evaluations
    try:
        draws = [_Answer(t, answer(t, kind, name)) for t in trials(case)]
        others = [] if _fails(draws) else _answers(regimes(case), kind, name)
    finally:
        if wide is not case:
            case.evaluations += wide.evaluations - before
    return _together(draws, others, kind, name, _missing(regimes(case)))


def _fails(answers: Sequence[_Answer]) -> bool:
    return any(each.found.failed for each in answers)


def _answers(found: Sequence[Regime], kind: str, name: str) -> list[_Answer]:
    return [_Answer(r.trial, answer(r.trial, kind, name)) for r in found if r.trial is not None]


def _missing(found: Sequence[Regime]) -> tuple[str, ...]:
    """Say which regimes could not be tried."""
    return tuple(f"not tried on {r.words}: {r.reason}" for r in found if r.reason)


def _together(
    draws: list[_Answer], others: list[_Answer], kind: str, name: str, missing: tuple[str, ...]
) -> Passed:
    for each in (*draws, *others):
        if each.found.failed:
            raise Failed(_finding(each, each.trial.tensor(kind, name)), each.found.verified)
    unclear = [each.found.inconclusive for each in draws if each.found.inconclusive]
    whole = _summed([a.found.verified for a in draws], [a.found.verified for a in others])
    if len(unclear) == len(draws):
        raise Inconclusive(str(unclear[0]), whole)
    return Passed((*_notes(draws, others), *missing), whole)


def _finding(one: _Answer, tensor: Tensor) -> Finding:
    t, found = one.trial, one.found
    size = int(np.size(tensor.value))
    wrong = found.wrong or count_wrong(t, tensor)
    least = f"at least {1 + len(found.others)}" if found.others else "some"
    count = f"{wrong:,}" if wrong else least
    worst = found.worst
    place = "" if worst is None else f"; worst at {tensor.where(worst.index)}"
    if worst is not None and not worst.index and size > 1:
        place = f"; {tensor.name} as a whole, along a random direction"
    known = Diagnosis(_AT_KINK)
    if not found.at_kink:
        known = diagnosis(t, tensor, worst.index if worst else ())
    regime = (f"at {t.regime}: {sizes(t.case, t.point.layouts)}",) if t.regime else ()
    derived = t.case.is_derived
    who = "Autodiff" if derived else "backward()"
    return Finding(
        f"{who} returns a wrong gradient for {tensor.title}.",
        where=f"{count} of {size:,} elements{place}",
        source=source_of_backward(t.case) or source_of_pass(t.case, "forward"),
        details=(*regime, *(() if wrong else _others(found, tensor)), *known.facts),
        worst=worst,
        wrong=wrong,
        cause=known.cause,
        other_causes=known.others,
        fix=_CUT if derived else None,
        comparison=compared(t, tensor, known),
    )


def _others(found: Verification, tensor: Tensor) -> tuple[str, ...]:
    """Name other wrong elements."""
    if not found.others:
        return ()
    places = "; ".join(tensor.where(index) for index in found.others[:_NAMED])
    return (f"also wrong: {places}{'; ...' if len(found.others) > _NAMED else ''}",)


def _summed(draws: list[Verified], others: list[Verified]) -> Verified:
    """The weakest of what was verified at the layout; kinks are counted at all points."""
    errors = [part.detectable_error for part in draws if part.detectable_error is not None]
    first = min(draws, key=lambda part: (part.elements, part.individually))
    return replace(
        first,
        detectable_error=max(errors) if errors else None,
        at_kinks=first.at_kinks + sum(part.at_kinks for part in others),
        not_adjudicated=first.not_adjudicated + sum(part.not_adjudicated for part in others),
    )


def _notes(draws: list[_Answer], others: list[_Answer]) -> tuple[str, ...]:
    sides = [sum(each.found.sides[k] for each in (*draws, *others)) for k in range(3)]
    taken = [f"{text} ({n:,} times)" for n, text in zip(sides, _SIDES, strict=True) if n]
    notes = [f"at kinks backward() takes {', '.join(taken)}"] if taken else []
    if draws[0].found.verified.of == 0:
        notes.append("the tensor is empty")
    elif draws[0].found.is_zero:
        notes.append("the gradient and the differences both vanish")
    return tuple(notes)
