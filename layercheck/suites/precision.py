"""Gradients in a low precision against those of float64.

What may differ is measured. The layer is run again with inputs and learnables moved by up to one
last bit and with the upstream gradient multiplied by a number near 1, which a right backward
passes on: every rounding on the way falls another way then. The gradient may differ by SPREAD
times the largest change seen, and by the rounding of sums as long as the largest array, since
NumPy adds up along some axes one term after another: n terms of random sign lose sqrt(n) eps.

Where a value is near a kink or two are nearly equal, low precision may take the other side. An
element that differs more is therefore excused if a move by NEAR last bits changes it as much.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.outcome import Cause
from layercheck.subject import Arrays, Evaluation, Gradients, Mode
from layercheck.suites.dtype_causes import fits
from layercheck.suites.evidence import Tensor, source_of_backward, tensors
from layercheck.suites.regimes import cast_point
from layercheck.tolerances import ROUNDING, SPREAD, difference, rms
from layercheck.verdict import fail, skip

ROUNDS = 3
# A kink within the rounding of a sum (64 eps rms) is crossed by a move by 64 last bits with
# probability 0.4; all of 16 moves miss it with probability 3e-4.
NEAR = 64.0
NEAR_ROUNDS = 16
# A smooth element moves by NEAR times its conditioning then: only more than 4 times that counts.
EXCUSE = 4.0


def require_low_precision(case: Case, reference: Case) -> None:
    """Fail where a gradient of `case` is not that of `reference`, a float64 case, up to rounding.

    Raises
    ------
    Skipped
        The layer does not compute in float64.
    LayerError
        It does not run there.
    """
    base = case.base()
    upstream = tuple(case.cast(d) for d in case.upstream(base.outputs))
    found = case.pull_back(base, upstream)
    point = cast_point(case.point(), reference)
    evaluation = reference.evaluate(point, base.mode)
    exact = reference.pull_back(evaluation, tuple(reference.cast(d) for d in upstream))
    _require_float64(evaluation, exact, reference)
    pairs = list(zip(tensors(case, case.point(), found), _flat(exact), strict=True))
    for tensor, right in pairs:
        _require_finite(case, tensor, right)
    _require_close(case, upstream, pairs)


def _flat(gradients: Gradients) -> Arrays:
    return (*gradients.inputs, *gradients.learnables, *(gradients.states or ()))


def _require_float64(evaluation: Evaluation, exact: Gradients, reference: Case) -> None:
    values = (*evaluation.outputs, *(g for g in _flat(exact) if g is not None))
    if not all(fits(value, reference.dtype) for value in values):
        skip("the layer does not keep float64 (dtypes.outputs, dtypes.gradients)")


def _is_comparable(tensor: Tensor, right: Any) -> bool:
    if tensor.integer or tensor.gradient is None or right is None:
        return False
    return bool(np.shape(tensor.gradient) == np.shape(right))


def _require_finite(case: Case, tensor: Tensor, right: np.ndarray) -> None:
    if not _is_comparable(tensor, right):
        return
    largest = float(np.finfo(case.dtype).max)
    size = np.abs(right)
    wrong = ~np.isfinite(tensor.gradient) & np.isfinite(size) & (size <= largest)
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = np.asarray(tensor.gradient)[index]
    text = (
        f"float64 gives {np.asarray(right)[index]:.6g}, which {case.dtype} can hold: a value on "
        f"the way is beyond its largest, {largest:.3g}."
    )
    fail(
        f"In {case.dtype} the gradient of {tensor.title} is {value}.",
        where=f"{int(wrong.sum())} of {wrong.size} elements; first at {tensor.where(index)}",
        source=source_of_backward(case),
        wrong=int(wrong.sum()),
        cause=Cause("overflow", text, {"float64": right[index], "largest": largest}),
        fix="Scale the sum, or add up in a higher precision and cast the result.",
    )


def _require_close(case: Case, upstream: Arrays, pairs: list[tuple[Tensor, np.ndarray]]) -> None:
    compared = [pair for pair in pairs if _is_comparable(*pair)]
    spreads = _spreads(case, upstream, [tensor for tensor, _ in compared])
    longest = max((np.size(a) for a in (*case.point().inputs, *upstream)), default=1)
    rounding = max(ROUNDING, float(np.sqrt(longest))) * case.eps
    for (tensor, right), spread in zip(compared, spreads, strict=True):
        limit = SPREAD * spread + rounding * rms(right)
        expected = _that_can_be_held(case, tensor.gradient, right)
        if difference(tensor.gradient, expected, limit) is not None:
            _require_excused(case, upstream, tensor, expected, limit)


def _that_can_be_held(case: Case, gradient: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return `right`, and `gradient` itself where the dtype cannot hold the right value."""
    with np.errstate(all="ignore"):
        held = np.abs(right) <= float(np.finfo(case.dtype).max)
    return np.where(held, right, gradient)


def _spreads(case: Case, upstream: Arrays, compared: list[Tensor]) -> list[float]:
    """The largest change of each gradient under last-bit moves."""
    spreads = [0.0] * len(compared)
    for number in range(ROUNDS):
        changes = _changes(case, upstream, compared, number, 1.0)
        spreads = [max(s, float(c.max(initial=0.0))) for s, c in zip(spreads, changes, strict=True)]
    return spreads


def _changes(
    case: Case, upstream: Arrays, compared: list[Tensor], number: int, bits: float
) -> list[np.ndarray]:
    """How much each element of each gradient changes when all is moved by `bits` last bits."""
    rng = case.rng("last bits", number, bits)
    point = case.point()
    moved = replace(
        point,
        inputs=tuple(_moved(x, bits * case.eps, rng) for x in point.inputs),
        learnables=tuple(_moved(w, bits * case.eps, rng) for w in point.learnables),
    )
    factor = case.dtype.type(1 + rng.integers(1, 2**8) / 2**9)
    mode: Mode = case.base().mode
    evaluation = case.evaluate(moved, mode)
    scaled = tuple((d * factor).astype(d.dtype) for d in upstream)
    others = {
        (other.kind, other.name): other.gradient
        for other in tensors(case, moved, case.pull_back(evaluation, scaled))
    }
    return [
        _change(tensor.gradient, others[tensor.kind, tensor.name], float(factor))
        for tensor in compared
    ]


def _moved(array: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    if array.dtype.kind not in "fc":
        return array
    return np.asarray(
        (array * (1 + step * rng.choice([-1.0, 1.0], array.shape))).astype(array.dtype)
    )


def _change(first: np.ndarray, second: np.ndarray, factor: float) -> np.ndarray:
    wide = np.result_type(np.float64, np.asarray(first).dtype)
    if np.shape(first) != np.shape(second):
        return np.zeros(np.shape(first))
    with np.errstate(all="ignore"):
        change = np.abs(np.asarray(second).astype(wide) / factor - np.asarray(first).astype(wide))
    return np.where(np.isfinite(change), change, 0.0)


def _require_excused(
    case: Case, upstream: Arrays, tensor: Tensor, right: np.ndarray, limit: float
) -> None:
    """Fail where elements differ that no larger move of the arguments changes as much."""
    moved = np.zeros(np.shape(right))
    for number in range(NEAR_ROUNDS):
        moved = np.maximum(moved, _changes(case, upstream, [tensor], number, NEAR)[0])
    found = difference(tensor.gradient, right, np.maximum(limit, EXCUSE * moved))
    if found is None:
        return
    fail(
        f"In {case.dtype} the gradient of {tensor.title} is not that of float64.",
        where=f"{found.wrong} of {np.size(right)} elements; worst at "
        f"{tensor.where(found.worst.index)}",
        source=source_of_backward(case),
        worst=found.worst,
        wrong=found.wrong,
        cause=_lost_bits(case, tensor, right),
        fix="Keep what backward needs in the dtype of the input, and add up in a higher precision.",
    )


def _lost_bits(case: Case, tensor: Tensor, right: np.ndarray) -> Cause | None:
    """How many bits are right, as evidence of values kept in a lower precision."""
    wide = np.asarray(tensor.gradient).astype(np.result_type(np.float64, right.dtype))
    error, size = rms(wide - right), rms(right)
    if error == 0.0 or size == 0.0:
        return None
    bits, full = -np.log2(error / size), int(np.finfo(case.dtype).nmant) + 1
    if bits < 3:
        return None
    text = (
        f"The gradient is right to {bits:.0f} bits (rms error 2^-{bits:.1f} of its rms), and "
        f"{case.dtype} has {full}; float16 has 11 and bfloat16 has 8."
    )
    return Cause("rounding", text, {"bits": float(bits), "of": full})
