"""The layer rehearsed: its passes on arrays that behave like those of a GPU."""

from __future__ import annotations

from layercheck.case import Case
from layercheck.devices.border import Rehearsal
from layercheck.devices.probing import probe
from layercheck.devices.stand_in import is_missed
from layercheck.suites.agreement import called, gradient_pairs, output_pairs, passes
from layercheck.suites.device_passes import (
    is_of_cupy,
    require_gradients_there,
    require_outputs_there,
    require_same,
    run_backward,
    run_pass,
    waits,
)
from layercheck.suites.evidence import source_of_backward, source_of_pass
from layercheck.verdict import Passed, skip


def rehearse_forward(case: Case) -> Passed:
    """Run every pass; raise the verdict where one does not run."""
    _require_rehearsal(case)
    trips: dict[str, None] = {}
    for mode in passes(case):
        expected = None if is_of_cupy(case) else case.base(mode).outputs
        found = run_pass(case, mode, Rehearsal())
        trips.update(dict.fromkeys(found.trips))
        require_outputs_there(case, mode, found.ran.outputs)
        if expected is not None:
            pairs = output_pairs(case, found.ran.outputs, expected, mode)
            require_same(case, called(case, mode), source_of_pass(case, mode), pairs)
    return Passed(notes=waits(trips))


def rehearse_backward(case: Case) -> Passed:
    """Run backward; raise the verdict where it does not run."""
    _require_rehearsal(case)
    expected = None if is_of_cupy(case) else case.gradients()
    found, trips = run_backward(case, Rehearsal())
    require_gradients_there(case, found)
    if expected is not None:
        for of in ("inputs", "learnables"):
            pairs = gradient_pairs(case, getattr(found, of), getattr(expected, of), of=of)
            require_same(case, "backward()", source_of_backward(case), pairs)
    return Passed(notes=waits(trips))


def _require_rehearsal(case: Case) -> None:
    """Skip layers that the rehearsal is not made for, and those that run on a device."""
    if case.subject.framework != "numpy":
        skip(f"layers of {case.subject.framework} are not rehearsed; NumPy and CuPy layers are")
    if probe("numpy").devices:
        skip("a device is used")
    if case.subject.facts.claims_gpu and is_missed():
        skip(
            "cupy was imported before the rehearsal could stand in for it; run the layercheck "
            "command, or pass isolate=True"
        )
