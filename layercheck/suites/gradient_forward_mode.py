"""The check of forward mode: tangents pushed through the layer, against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.gradients.differences import directional_derivative
from layercheck.gradients.precision import Precision, precision_of
from layercheck.gradients.quotients import to_real
from layercheck.observations import output_layouts
from layercheck.outcome import Cause
from layercheck.subject import Arrays, Gradients
from layercheck.suites.evidence import output_name, source_of_pass
from layercheck.suites.gradient_groups import seem_right
from layercheck.suites.gradient_trials import Trial, reference, training, trials
from layercheck.tolerances import ROUNDING, difference, rms
from layercheck.verdict import fail, skip
from layercheck.where import describe_index, labels_for

_DIRECTIONS = 2
_BOUNDS = 2.0  # measured bounds that a tangent may be off by


def forward_mode(case: Case) -> None:
    """Tangents that the framework pushes forward are the derivatives of the outputs.

    Two random directions through all inputs and learnables are pushed through the layer; each
    element of the outputs' tangents is compared with differences of the outputs, within the error
    that was measured with them. `jvp`, Hessians and many solvers rest on it. The usual cause is a
    rule written by hand (`jvp`, `custom_jvp`) that differs from the formula in backward.
    """
    if not case.subject.facts.forward_mode:
        written = case.subject.facts.backward == "written"
        why = "backward is written by hand" if written else "nothing differentiates it so"
        skip(f"this layer has no forward mode: {why}")
    wide = reference(case)
    t = trials(case)[0]
    if not seem_right(t):
        skip("needs gradients.input and gradients.learnable: the gradients are wrong")
    for number in range(_DIRECTIONS):
        _require_tangents(wide, t, number)


def _require_tangents(case: Case, t: Trial, number: int) -> None:
    precision = precision_of(case.dtype)
    along = _direction(case, t.point, number, precision)
    try:
        outputs, tangents = case.differentiate(
            lambda live: live.push_forward(t.point.inputs, training(case), along), t.point
        )
    except LayerError as error:
        skip(f"forward mode is not available: {error}")
    if not all(np.isfinite(z).all() for z in outputs):
        skip("the outputs are not finite")
    floating = [k for k, z in enumerate(outputs) if np.asarray(z).dtype.kind in "fc"]

    def evaluate(step: float) -> list[np.ndarray]:
        found = case.evaluate(_moved(t.point, along, step), training(case)).outputs
        return [to_real(np.asarray(found[k])) for k in floating]

    base = [to_real(np.asarray(outputs[k])) for k in floating]
    derivatives, _ = directional_derivative(evaluate, base, precision=precision)
    for k, known in zip(floating, derivatives, strict=True):
        tangent = to_real(np.asarray(tangents[k], dtype=np.asarray(outputs[k]).dtype))
        limit = _BOUNDS * known.bound + ROUNDING * precision.eps * rms(known.value)
        found = difference(tangent, known.value, np.where(known.flagged, np.inf, limit))
        if found is None:
            continue
        shape = np.shape(outputs[k])
        labels = labels_for(shape, output_layouts(case)[k])
        index = found.worst.index[: len(shape)]
        fail(
            f"Forward mode gives a wrong tangent of the {output_name(k, len(outputs))}.",
            where=f"{found.wrong:,} of {np.size(outputs[k]):,} elements; worst at "
            f"{describe_index(index, labels, 'z')}",
            source=case.subject.sources.get("jvp") or source_of_pass(case, "forward"),
            details=("analytic is the tangent that was pushed forward, numeric the differences",),
            worst=found.worst,
            wrong=found.wrong,
            cause=_why(tangent, known.value),
        )


def _why(tangent: np.ndarray, true: np.ndarray) -> Cause | None:
    if not np.any(tangent) and np.any(true):
        return Cause("zero-gradient", "the tangent is zero everywhere, and the derivative is not.")
    return None


def _direction(case: Case, point: Point, number: int, precision: Precision) -> Gradients:
    """A random direction, as large as the values; none leaves the range of its input."""
    rng = case.rng("tangent", number)
    inputs = []
    for i, x in enumerate(point.inputs):
        v = _random(x, rng)
        if v is not None and case.options.range_of(case.subject.input_names[i]) is not None:
            low, high = case.range_of(i)
            room = np.maximum(np.minimum(x - low, high - x), 0) / precision.largest
            v = np.sign(v) * np.minimum(np.abs(v), room)
        inputs.append(v)
    return Gradients(tuple(inputs), tuple(_random(w, rng) for w in point.learnables))


def _random(value: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    if value.dtype.kind not in "fc":
        return None
    v = rng.standard_normal(value.shape)
    if value.dtype.kind == "c":
        v = v + 1j * rng.standard_normal(value.shape)
    return np.asarray((rms(value) or 1.0) * v).astype(value.dtype)


def _moved(point: Point, along: Gradients, step: float) -> Point:
    def move(values: Arrays, directions: Arrays) -> Arrays:
        return tuple(
            x if v is None else (x + x.dtype.type(step) * v).astype(x.dtype)
            for x, v in zip(values, directions, strict=True)
        )

    return replace(
        point,
        inputs=move(point.inputs, along.inputs),
        learnables=move(point.learnables, along.learnables),
    )
