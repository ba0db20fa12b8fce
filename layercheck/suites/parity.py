"""The layer on a real device, compared with itself on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from layercheck.case import Case
from layercheck.devices.border import Device
from layercheck.devices.cupy_device import CupyDevice
from layercheck.devices.probing import probe
from layercheck.residence import is_on_host
from layercheck.rounds import copies
from layercheck.subject import Mode
from layercheck.suites.agreement import called, gradient_pairs, output_pairs, passes
from layercheck.suites.device_passes import (
    is_of_cupy,
    left_on_host,
    require_gradients_there,
    require_outputs_there,
    require_same,
    run_backward,
    run_pass,
    training_mode,
)
from layercheck.suites.evidence import source_of_backward, source_of_pass
from layercheck.verdict import fail, skip


def device_of(case: Case) -> Device:
    """Return the device on which a layer runs; skip the check where there is none."""
    found = probe(case.subject.framework)
    if not found.devices:
        skip(found.reason)
    if case.subject.framework != "numpy":
        skip(f"layers of {case.subject.framework} are not compared between devices")
    return CupyDevice()


def compare_outputs(case: Case, device: Device) -> None:
    """Compare every pass with the CPU's."""
    _require_cpu(case)
    for mode in passes(case):
        expected = case.base(mode).outputs
        pairs = output_pairs(case, run_pass(case, mode, device).ran.outputs, expected, mode)
        require_same(case, called(case, mode), source_of_pass(case, mode), pairs)


def compare_gradients(case: Case, device: Device) -> None:
    """Compare every gradient with the CPU's."""
    _require_cpu(case)
    expected = case.gradients()
    found, _ = run_backward(case, device)
    for of in ("inputs", "learnables"):
        pairs = gradient_pairs(case, getattr(found, of), getattr(expected, of), of=of)
        require_same(case, "backward()", source_of_backward(case), pairs)


def require_residency(case: Case, device: Device) -> None:
    """Fail for what lies on the host after the passes: outputs, new states, gradients."""
    for mode in passes(case):
        ran = run_pass(case, mode, device)
        require_outputs_there(case, mode, ran.ran.outputs)
        for slot, state in zip(case.subject.states, ran.live.instance.states(), strict=True):
            if is_on_host(state):
                what = f"the new value of state {slot.name}"
                left_on_host(case, called(case, mode), what, source_of_pass(case, mode))
    if case.subject.facts.backward == "written":
        require_gradients_there(case, run_backward(case, device)[0])


def require_dtypes(case: Case, device: Device) -> None:
    """Fail for an output or gradient whose dtype is not the CPU's."""
    _require_cpu(case)
    for what, here, there in _pairs_of_dtypes(case, device):
        if here != there:
            fail(f"{what} is {there} on the device and {here} on the CPU.")


def _pairs_of_dtypes(case: Case, device: Device) -> Iterator[tuple[str, np.dtype, np.dtype]]:
    for mode in passes(case):
        found = run_pass(case, mode, device).ran.outputs
        for here, there in zip(case.base(mode).outputs, found, strict=True):
            yield f"The output of {called(case, mode)}", here.dtype, there.dtype
    if case.subject.facts.backward != "written":
        return
    gradients, _ = run_backward(case, device)
    for of in ("inputs", "learnables"):
        pairs = zip(getattr(case.gradients(), of), getattr(gradients, of), strict=True)
        for here, there in pairs:
            if here is not None and there is not None:
                yield "A gradient", here.dtype, there.dtype


def compare_after_return(case: Case, device: Device) -> None:
    """Compare the CPU's pass of a layer that was on the device with that of one that was not."""
    _require_cpu(case)
    mode: Mode = training_mode(case)
    expected = case.base(mode).outputs
    run_pass(case, mode, device)
    live = run_pass(case, mode, device).live
    live.restore()
    outputs = live.run(copies(case.point().inputs), mode).outputs
    pairs = output_pairs(case, outputs, expected, mode)
    require_same(case, called(case, mode), source_of_pass(case, mode), pairs)


def _require_cpu(case: Case) -> None:
    if is_of_cupy(case):
        skip("the layer runs on CuPy alone: there is no CPU to compare with")
