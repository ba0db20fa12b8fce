"""Layers of CuPy, on a device or rehearsed; between calls their arrays are NumPy's."""

from __future__ import annotations

from dataclasses import replace

from layercheck.calling import BorderLike, crossing
from layercheck.case import Case
from layercheck.conventions import adapt
from layercheck.conventions.request import Request
from layercheck.devices.border import Border, Device, Rehearsal, holds_resident
from layercheck.devices.cupy_device import CupyDevice
from layercheck.devices.probing import current
from layercheck.devices.stand_in import is_used
from layercheck.errors import LayerError, UsageError
from layercheck.residence import Resident
from layercheck.subject import Subject


def _device() -> Device | None:
    if is_used():
        return Rehearsal()
    return CupyDevice() if current() is not None else None


def border_of(names_cupy: bool) -> BorderLike | None:
    """Return what calls of a layer pass through whose module names cupy; None: nothing."""
    device = _device() if names_cupy else None
    return None if device is None else Border(device)


def adapt_cupy(request: Request) -> tuple[Subject, BorderLike | None]:
    """Turn a layer whose module has imported cupy into a subject.

    One that runs on host arrays, with ``xp = cupy.get_array_module(x)``, is a NumPy layer. One
    that holds device arrays or needs them gets its inputs on the device in every call.
    """
    device = _device() or Rehearsal()
    if not holds_resident(request.layer):
        with crossing(Border(device)):
            subject = _on_host(request)
        if subject is not None:
            return subject, None
    border = Border(device, moves_arguments=True)
    with crossing(border):
        subject = adapt(request)
    return replace(subject, packages=("cupy", *subject.packages)), border


def _on_host(request: Request) -> Subject | None:
    """The subject of a layer that runs on host arrays and stays there, None where it does not."""
    try:
        subject = adapt(request)
        if not _stays_on_host(Case(subject, "float64", request.seed, request.options)):
            return None
    except (LayerError, UsageError):
        return None
    return subject


def _stays_on_host(case: Case) -> bool:
    subject = case.subject
    arrays: list[object] = [slot.value for slot in (*subject.learnables, *subject.states)]
    arrays += case.attempt("predict").outputs
    if not subject.facts.one_pass:
        arrays += case.attempt("forward").outputs
    if subject.facts.backward != "none":
        gradients = case.attempt_gradients()
        arrays += [*gradients.inputs, *gradients.learnables]
    return not any(isinstance(array, Resident) for array in arrays)
