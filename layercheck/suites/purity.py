"""The purity suite: a layer changes nothing but its states, and remembers nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.outcome import Cause
from layercheck.suite import Check, Suite
from layercheck.suites.evidence import copy_of
from layercheck.suites.purity_arrays import no_aliasing, strided_inputs
from layercheck.suites.purity_history import backward_of_earlier_forward, deterministic
from layercheck.suites.purity_objects import forwards_retained, instances_independent
from layercheck.suites.purity_random import global_random_not_reseeded
from layercheck.suites.writes import (
    Write,
    has_gradients,
    line_of,
    name_of_call,
    writes,
    writing_line,
)
from layercheck.verdict import Passed, fail, skip


def inputs_unchanged(case: Case) -> Passed | None:
    """The inputs are the same to the last bit after every call.

    The caller still needs them: another branch of the network reads the same array, and so does
    the backward of the layer before. The usual causes are `x -= ...` and its kin, `x[mask] = 0`,
    `np.exp(x, out=x)`, and writing through a reshape or a slice, which share memory with x.

    Fix: write `x = x - ...`, or copy first: `x = x.copy()`.
    """
    for write in writes(case, "input"):
        _fail(
            case,
            write,
            cause="mutates-input",
            fix=f"Work on a copy: {write.name} = {copy_of(case, write.name)}, or write "
            f"{write.name} = {write.name} - ... instead of {write.name} -= ...",
        )
    return None


def upstream_unchanged(case: Case) -> Passed | None:
    """The upstream gradients are the same to the last bit after backward.

    Where an output has two consumers, or a skip connection passes its gradient on, another layer
    reads the same array. The usual cause is the mask of a ReLU or a dropout, written into it:
    `dout[self.mask] = 0`.

    Fix: multiply by the mask, or copy first: `dx = dout.copy()`.
    """
    case.gradients()
    for write in writes(case, "upstream"):
        _fail(
            case,
            write,
            cause="mutates-upstream",
            fix=f"Work on a copy: dx = {copy_of(case, 'dz')}, or multiply by the mask instead of "
            "writing.",
        )
    return None


def learnables_unchanged(case: Case) -> Passed:
    """The passes leave the learnables alone; backward too, unless it announces an update.

    Updating is the optimiser's work. A backward that updates by itself, where nobody asks it to,
    updates twice, and what it computes after the update no longer belongs to the forward. The
    usual causes are `self.W -= lr * dW` in backward and weight decay or clipping in forward.

    Fix: return or store the gradient, and let the optimiser update. A learning-rate argument or
    an optimizer attribute announces an update; such a backward is not asked.
    """
    if not case.subject.learnables:
        skip("the layer has no learnables")
    notes = []
    for write in writes(case, "learnable"):
        if write.call == "backward" and case.subject.facts.announces_update:
            notes.append(f"backward() updates {write.name}, as it announces")
            continue
        by_backward = write.call == "backward"
        _fail(
            case,
            write,
            cause="updates-learnables-in-backward" if by_backward else None,
            evidence=_proportion(case, write) if by_backward else "",
            fix="Return the gradient and let the optimiser update."
            if by_backward
            else "Compute with a changed copy, and leave the learnable as it is.",
        )
    return Passed(tuple(notes))


def _fail(
    case: Case, write: Write, *, fix: str, cause: str | None = None, evidence: str = ""
) -> None:
    source = line_of(case, write)
    name, line = name_of_call(case, write), writing_line(case, write, source)
    text = f"{name} writes into {write.name}{line}: {write.changed}{evidence}."
    what = f"{name} changes {_titled(write)}."
    fail(
        what,
        where=write.where,
        source=source,
        cause=None if cause is None else Cause(cause, text, {"line": line.strip() or None}),
        fix=fix,
    )


def _titled(write: Write) -> str:
    titles = {"input": "its input ", "upstream": "", "learnable": "the learnable "}
    return f"{titles[write.kind]}{write.name}"


def _proportion(case: Case, write: Write) -> str:
    """Say so where the change is a multiple of the gradient."""
    if not has_gradients(case):
        return ""
    names = [slot.name for slot in case.subject.learnables]
    gradient: Any = case.gradients().learnables[names.index(write.name)]
    if gradient is None or np.shape(gradient) != write.before.shape:
        return ""
    change = write.after - write.before
    size = np.vdot(gradient, gradient).real
    step = float(np.vdot(gradient, change).real / size) if size else 0.0
    # The update and this difference are rounded once each, relative to the learnable.
    rounding = 4 * case.eps * (np.abs(write.before) + np.abs(write.after))
    fits = step != 0.0 and bool(np.all(np.abs(change - step * gradient) <= rounding))
    return f", a step of {step:.6g} times its gradient" if fits else ""


suite = Suite(
    "purity",
    "Calls change nothing but states, and depend on nothing else.",
    (
        Check("inputs_unchanged", inputs_unchanged),
        Check("upstream_unchanged", upstream_unchanged),
        Check("learnables_unchanged", learnables_unchanged),
        Check("no_aliasing", no_aliasing),
        Check("deterministic", deterministic),
        Check("global_random_not_reseeded", global_random_not_reseeded),
        Check("backward_of_earlier_forward", backward_of_earlier_forward),
        Check("instances_independent", instances_independent),
        Check("forwards_retained", forwards_retained),
        Check("strided_inputs", strided_inputs),
    ),
)
