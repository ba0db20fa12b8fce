"""The layer rehearsed: its passes on arrays that behave like those of a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from layercheck.calling import crossing
from layercheck.case import Case
from layercheck.conventions.live import LiveLayer
from layercheck.devices.border import Border, Rehearsal
from layercheck.devices.refusals import ELSE, USE_XP, NotRehearsed, Refusal
from layercheck.devices.stand_in import is_missed
from layercheck.devices.trips import round_trips
from layercheck.errors import LayerError, describe
from layercheck.outcome import Cause, Finding, Source
from layercheck.residence import is_on_host, resident
from layercheck.rounds import Live, Ran
from layercheck.subject import Arrays, Gradients, Mode
from layercheck.suites.agreement import (
    Pair,
    called,
    disagreement,
    gradient_pairs,
    output_pairs,
    passes,
)
from layercheck.suites.evidence import (
    line_of_error,
    output_name,
    source_of_backward,
    source_of_error,
    source_of_pass,
)
from layercheck.verdict import Failed, Passed, Skipped, skip

_SENTENCES = {
    "host-array-on-device": "An array that the layer makes on the host meets one of the device",
    "implicit-conversion": "The line makes a host array of a device array",
    "unsupported-on-device": "CuPy does not have what the line uses",
    "result-on-host": "What comes out is a host array, though all that went in was on the device",
}


@dataclass(frozen=True)
class Rehearsed:
    """One pass of a live layer on rehearsal arrays."""

    live: Live
    ran: Ran
    trips: tuple[str, ...]


def rehearse_forward(case: Case) -> Passed:
    """Run every pass; raise the verdict where one does not run."""
    _require_rehearsal(case)
    trips: dict[str, None] = {}
    for mode in passes(case):
        expected = _expected(case, mode)
        rehearsed = _rehearsed(case, mode)
        trips.update(dict.fromkeys(rehearsed.trips))
        outputs = rehearsed.ran.outputs
        _require_on_device(case, mode, outputs)
        if expected is not None:
            pairs = output_pairs(case, outputs, expected, mode)
            _require_same(case, called(case, mode), source_of_pass(case, mode), pairs)
    return Passed(notes=_notes(trips))


def rehearse_backward(case: Case) -> Passed:
    """Run backward; raise the verdict where it does not run."""
    _require_rehearsal(case)
    case.require_backward()
    if case.subject.facts.backward == "autodiff":
        skip("backward is derived from the forward pass, by the framework that derives it")
    mode: Mode = "predict" if case.subject.facts.one_pass else "forward"
    try:
        rehearsed = _rehearsed(case, mode)
    except (Failed, Skipped):
        skip("needs gpu.rehearsal_forward")
    expected = None if _is_of_cupy(case) else case.gradients()
    found, trips = _pulled_back(case, rehearsed)
    _require_gradients_on_device(case, found)
    if expected is not None:
        for of in ("inputs", "learnables"):
            pairs = gradient_pairs(case, getattr(found, of), getattr(expected, of), of=of)
            _require_same(case, "backward()", source_of_backward(case), pairs)
    return Passed(notes=_notes(dict.fromkeys(trips)))


def _require_rehearsal(case: Case) -> None:
    """Skip layers that the rehearsal is not made for."""
    if case.subject.framework != "numpy":
        skip(f"layers of {case.subject.framework} are not rehearsed; NumPy and CuPy layers are")
    if case.subject.facts.claims_gpu and is_missed():
        skip(
            "cupy was imported before the rehearsal could stand in for it; run the layercheck "
            "command without --in-process"
        )


def _is_of_cupy(case: Case) -> bool:
    return "cupy" in case.subject.packages


def _expected(case: Case, mode: Mode) -> Arrays | None:
    """The outputs on the host; None where the layer runs on device arrays alone."""
    return None if _is_of_cupy(case) else case.base(mode).outputs


def _rehearsed(case: Case, mode: Mode) -> Rehearsed:
    found = case.memo(("rehearsed", mode), lambda: _try_pass(case, mode))
    if isinstance(found, Exception):
        raise found
    rehearsed: Rehearsed = found
    return rehearsed


def _try_pass(case: Case, mode: Mode) -> Rehearsed | Exception:
    instance = case.instance()
    if isinstance(instance, LiveLayer):
        instance.move()
    live = Live(case, instance=instance)
    inputs = tuple(resident(np.array(x)) for x in case.point().inputs)
    try:
        with crossing(Border(Rehearsal())), round_trips() as trips:
            ran = live.run(inputs, mode)
    except NotRehearsed as error:
        return Skipped(str(error))
    except LayerError as error:
        try:
            _refused(case, called(case, mode), error, source_of_pass(case, mode))
        except (Failed, Skipped) as verdict:
            return verdict
    return Rehearsed(live, ran, tuple(trips))


def _pulled_back(case: Case, rehearsed: Rehearsed) -> tuple[Gradients, tuple[str, ...]]:
    upstream = tuple(resident(np.array(d)) for d in case.upstream(rehearsed.ran.outputs))
    states = rehearsed.live.state_upstream()
    moved = None if states is None else tuple(map(resident, states))
    try:
        with crossing(Border(Rehearsal())), round_trips() as trips:
            return rehearsed.live.pull_back(rehearsed.ran, upstream, moved), tuple(trips)
    except NotRehearsed as error:
        raise Skipped(str(error)) from None
    except LayerError as error:
        _refused(case, "backward()", error, source_of_backward(case))


def _refused(case: Case, call: str, error: LayerError, known: Source | None) -> NoReturn:
    raised = error.original
    refusal = _refusal(raised)
    cause = fix = None
    if refusal is not None:
        text = f"{_SENTENCES.get(refusal.cause, '')}: {refusal}."
        cause, fix = Cause(refusal.cause, text), refusal.fix
    elif "cannot be interpreted as an integer" in str(raised):
        fix = "Take sizes from x.shape, or make the element a number with int(...)."
    what = f"{call} does not run on arrays of a GPU: {describe(raised)}."
    finding = Finding(
        what,
        source=source_of_error(error, known),
        details=line_of_error(error),
        cause=cause,
        fix=fix or ELSE,
    )
    _conclude(case, finding)


def _refusal(error: BaseException | None) -> Refusal | None:
    """The refusal that an exception is, or that it was raised from."""
    while error is not None:
        if isinstance(error, Refusal):
            return error
        error = error.__cause__ or error.__context__
    return None


def _conclude(case: Case, finding: Finding) -> NoReturn:
    """Fail where findings bind: with --gpu, and where the layer claims the GPU."""
    if case.options.gpu or case.subject.facts.claims_gpu:
        raise Failed(finding)
    source = finding.source
    place = f" ({source.file}:{source.line})" if source is not None and source.file else ""
    fix = f" {finding.fix}" if finding.fix else ""
    skip(f"advice: {finding.what}{place}{fix} --gpu makes it a failure.")


def _require_on_device(case: Case, mode: Mode, outputs: Sequence[Any]) -> None:
    for number, output in enumerate(outputs):
        if is_on_host(output):
            name = output_name(number, len(outputs))
            _left(case, called(case, mode), f"the {name}", source_of_pass(case, mode))


def _require_gradients_on_device(case: Case, found: Gradients) -> None:
    names = (*case.subject.input_names, *(slot.name for slot in case.subject.learnables))
    for name, gradient in zip(names, (*found.inputs, *found.learnables), strict=True):
        if is_on_host(gradient):
            _left(case, "backward()", f"the gradient of {name}", source_of_backward(case))


def _left(case: Case, call: str, what: str, source: Source | None) -> NoReturn:
    cause = Cause("result-on-host", f"{_SENTENCES['result-on-host']}: {what}.")
    finding = Finding(
        f"{call} gives {what} on the host.", where=what, source=source, cause=cause, fix=USE_XP
    )
    _conclude(case, finding)


def _require_same(case: Case, call: str, source: Source | None, pairs: Iterable[Pair]) -> None:
    found = disagreement(pairs)
    if found is None:
        return
    finding = Finding(
        f"{call} gives other values on arrays of a GPU.",
        source=source,
        fix="Look for what asks for the type of an array, as isinstance(x, np.ndarray).",
        **found.evidence,
    )
    _conclude(case, finding)


def _notes(trips: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{trip} waits for the device and copies to the host" for trip in trips)
