"""The check that a layer without a written backward can be differentiated at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.frames import display_path, source_line
from layercheck.outcome import Cause, Source
from layercheck.subject import Gradients
from layercheck.suites.evidence import source_of_error, source_of_pass
from layercheck.suites.following import outputs_follow, stepped
from layercheck.suites.gradient_shapes import fail_raised
from layercheck.verdict import fail, skip


def autodiff(case: Case) -> None:
    """Where backward is not written by hand, the framework can differentiate the forward pass.

    It raises nothing, and the outputs are not cut off from everything they depend on. The usual
    causes are a detour through arrays that the framework does not follow (`.numpy()`, `.item()`,
    `float(x)`), `.detach()`, `.data` or `stop_gradient` on the way, and operations without a
    derivative (rounding, comparing, indices).

    A NumPy layer without backward() is run with arrays whose NumPy calls jax carries out. What
    takes a value out of them (`np.asarray(x)`, `float(x)`, `math.exp(x)`, a write into
    `np.zeros(...)`) fails where the layer has learnables, and is named with its line.

    Fix: stay with the framework's own operations from the inputs to the outputs; give what has
    no derivative one of its own. In NumPy, fill `np.zeros_like(x)` or `np.stack` a list.
    """
    if case.subject.facts.backward == "written":
        skip("backward is written by hand")
    if case.subject.facts.backward == "none":
        _require_traced(case)
    case.base()
    try:
        gradients = case.attempt_gradients()
    except LayerError as error:
        fail_raised(
            case, error, source_of_error(error, source_of_pass(case, "forward")), case.layouts
        )
    if not _is_cut_off(case, gradients):
        return
    fail(
        "The outputs are cut off from every input and learnable: all gradients are zero.",
        source=source_of_pass(case, "forward"),
        cause=Cause(
            "zero-gradient",
            "small steps of the inputs and learnables change the outputs, and the derivative "
            "with respect to each of them is zero.",
        ),
        fix="Compute the outputs with operations that the framework follows, without detach(), "
        ".data, stop_gradient or arrays of another library on the way.",
    )


def _require_traced(case: Case) -> None:
    """Skip a layer that cannot be differentiated; fail where one is to be trained."""
    why = case.subject.facts.untraced
    if why is None:
        skip("nothing here differentiates it: there is no written backward")
    if why.line is None or why.file is None:
        skip(f"there is no written backward, and {why.what}")
    if not case.subject.learnables:
        place = f"{display_path(why.file)}:{why.line}"
        skip(f"there is no written backward, and {place} {why.what}; nothing is to be trained")
    known = source_of_pass(case, "forward")
    fail(
        "There is no written backward, and none can be derived from the pass, run with arrays "
        f"that jax traces: this line {why.what}.",
        source=Source(why.file, why.line, known.function if known else None),
        details=(source_line(why.file, why.line),),
        fix=f"{why.remedy} Or write backward().",
    )


def _is_cut_off(case: Case, gradients: Gradients) -> bool:
    """Whether all gradients vanish although the outputs move."""
    found = (*gradients.inputs, *gradients.learnables)
    if not found or any(g is not None and np.any(g) for g in found):
        return False
    return outputs_follow(case, lambda step: _stepped(case, step))


def _stepped(case: Case, step: float) -> Point:
    """The point with every floating input and learnable moved by `step` of its size."""
    point, rng = case.point(), case.rng("cut off")
    return replace(
        point,
        inputs=tuple(stepped(x, step, rng) for x in point.inputs),
        learnables=tuple(stepped(w, step, rng) for w in point.learnables),
    )
