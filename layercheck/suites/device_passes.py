"""The passes of a layer with all its arrays on a device, real or played; what is found there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from layercheck import rounds
from layercheck.calling import crossing
from layercheck.case import Case
from layercheck.conventions.live import LiveLayer
from layercheck.devices.border import Border, Device, Rehearsal
from layercheck.devices.refusals import ELSE, USE_XP, NotRehearsed, refusal_of
from layercheck.devices.trips import round_trips
from layercheck.errors import LayerError, describe
from layercheck.frames import display_path
from layercheck.outcome import Cause, Finding, Source
from layercheck.residence import is_on_host, resident
from layercheck.rounds import Live
from layercheck.subject import Gradients, Mode
from layercheck.suites.agreement import (
    Pair,
    called,
    disagreement,
)
from layercheck.suites.evidence import (
    line_of_error,
    output_name,
    source_of_backward,
    source_of_error,
    source_of_pass,
)
from layercheck.verdict import Failed, Skipped, skip

_SENTENCES = {
    "host-array-on-device": "An array that the layer makes on the host meets one of the device",
    "implicit-conversion": "The line makes a host array of a device array",
    "unsupported-on-device": "CuPy does not have what the line uses",
    "result-on-host": "What comes out is a host array, though all that went in was on the device",
}


@dataclass(frozen=True)
class Ran:
    """One pass of a live layer on a device."""

    live: Live
    ran: rounds.Ran
    trips: tuple[str, ...]


def is_of_cupy(case: Case) -> bool:
    """Whether the layer runs on arrays of CuPy alone: there is nothing to compare with."""
    return "cupy" in case.subject.packages


def training_mode(case: Case) -> Mode:
    """The mode that backward belongs to."""
    return "predict" if case.subject.facts.one_pass else "forward"


def run_pass(case: Case, mode: Mode, device: Device) -> Ran:
    """Run one pass with every array on the device; raise the verdict where it does not run."""
    key = ("on device", type(device), mode)
    found = case.memo(key, lambda: _verdict_or(_try_pass, case, mode, device))
    if isinstance(found, Exception):
        raise found
    ran: Ran = found
    return ran


def run_backward(case: Case, device: Device) -> tuple[Gradients, tuple[str, ...]]:
    """Run backward with every array on the device; raise the verdict where it does not run."""
    case.require_backward()
    if case.subject.facts.backward == "autodiff":
        skip("backward is derived from the forward pass, by the framework that derives it")
    try:
        forward = run_pass(case, training_mode(case), device)
    except (Failed, Skipped):
        played = isinstance(device, Rehearsal)
        skip(f"needs gpu.{'rehearsal_forward' if played else 'parity_outputs'}")
    key = ("backward on device", type(device))
    found = case.memo(key, lambda: _verdict_or(_try_backward, case, forward, device))
    if isinstance(found, Exception):
        raise found
    gradients: tuple[Gradients, tuple[str, ...]] = found
    return gradients


def _verdict_or(run: Callable[..., Any], case: Case, *args: Any) -> Any:
    """Return what `run` returns, or the verdict that it raises."""
    try:
        return run(case, *args)
    except (Failed, Skipped) as verdict:
        return verdict


def _try_pass(case: Case, mode: Mode, device: Device) -> Ran:
    instance = case.instance()
    if isinstance(instance, LiveLayer):
        instance.move()
    live = Live(case, instance=instance)
    inputs = tuple(resident(np.array(x)) for x in case.point().inputs)
    try:
        with crossing(Border(device)), round_trips() as trips:
            return Ran(live, live.run(inputs, mode), tuple(trips))
    except NotRehearsed as error:
        raise Skipped(str(error)) from None
    except LayerError as error:
        _refused(case, called(case, mode), error, source_of_pass(case, mode))


def _try_backward(case: Case, forward: Ran, device: Device) -> tuple[Gradients, tuple[str, ...]]:
    upstream = tuple(resident(np.array(d)) for d in case.upstream(forward.ran.outputs))
    states = forward.live.state_upstream()
    moved = None if states is None else tuple(map(resident, states))
    try:
        with crossing(Border(device)), round_trips() as trips:
            return forward.live.pull_back(forward.ran, upstream, moved), tuple(trips)
    except NotRehearsed as error:
        raise Skipped(str(error)) from None
    except LayerError as error:
        _refused(case, "backward()", error, source_of_backward(case))


def _refused(case: Case, call: str, error: LayerError, known: Source | None) -> NoReturn:
    raised = error.original
    refusal = refusal_of(raised)
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


def _conclude(case: Case, finding: Finding) -> NoReturn:
    """Fail where findings bind: with --gpu, and where the layer claims the GPU."""
    if case.options.gpu or case.subject.facts.claims_gpu:
        raise Failed(finding)
    source = finding.source
    place = ""
    if source is not None and source.file:
        place = f" ({display_path(source.file)}:{source.line})"
    fix = f" {finding.fix}" if finding.fix else ""
    skip(f"advice: {finding.what}{place}{fix} --gpu makes it a failure.")


def require_outputs_there(case: Case, mode: Mode, outputs: Sequence[Any]) -> None:
    """Fail for an output that lies on the host."""
    for number, output in enumerate(outputs):
        if is_on_host(output):
            name = output_name(number, len(outputs))
            left_on_host(case, called(case, mode), f"the {name}", source_of_pass(case, mode))


def require_gradients_there(case: Case, found: Gradients) -> None:
    """Fail for a gradient that lies on the host."""
    names = (*case.subject.input_names, *(slot.name for slot in case.subject.learnables))
    for name, gradient in zip(names, (*found.inputs, *found.learnables), strict=True):
        if is_on_host(gradient):
            left_on_host(case, "backward()", f"the gradient of {name}", source_of_backward(case))


def left_on_host(case: Case, call: str, what: str, source: Source | None) -> NoReturn:
    """Conclude that something lies on the host."""
    cause = Cause("result-on-host", f"{_SENTENCES['result-on-host']}: {what}.")
    finding = Finding(
        f"{call} gives {what} on the host.", where=what, source=source, cause=cause, fix=USE_XP
    )
    _conclude(case, finding)


def require_same(case: Case, call: str, source: Source | None, pairs: Iterable[Pair]) -> None:
    """Fail for the first pair of arrays that differ."""
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


def waits(trips: Iterable[str]) -> tuple[str, ...]:
    """Return a note for each round trip."""
    return tuple(f"{trip} waits for the device and copies to the host" for trip in trips)
