"""From a true and a claimed gradient to the mistake that turns one into the other.

Every hypothesis is an exact match over all elements: nothing is named that does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import one_each, placed
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array
from layercheck.gradients.residuals import compare
from layercheck.gradients.structure import find_blocks
from layercheck.outcome import Cause

_DIRECTIONS = 1000  # at most, for a full gradient
_WORK = 3e8  # output elements computed at most, for a full gradient
_MATCH = 1e-6  # of the rms: how well a hypothesis fits


@dataclass(frozen=True)
class Full:
    """A claimed gradient and the true one, element by element.

    Parameters
    ----------
    analytic, numeric : arrays, real or complex
    tolerance : array, real
        Of the numeric one.
    value : array
        The tensor.
    """

    analytic: npt.NDArray[Any]
    numeric: npt.NDArray[Any]
    tolerance: Array
    value: npt.NDArray[Any]

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Where the two differ."""
        return np.asarray(~(np.abs(self.analytic - self.numeric) <= self.tolerance))

    def equals(self, candidate: npt.NDArray[Any]) -> bool:
        """Whether the claimed gradient is `candidate` at every element."""
        if candidate.shape != self.analytic.shape:
            return False
        slack = self.tolerance + _MATCH * _rms(self.analytic)
        return bool(np.all(np.abs(self.analytic - candidate) <= slack))

    @property
    def ratio(self) -> complex | None:
        """The factor c with analytic = c numeric everywhere; None where there is none."""
        true = self.numeric.reshape(-1)
        weight = float(np.sum(np.abs(true) ** 2))
        if weight == 0 or not np.isfinite(self.analytic).all():
            return None
        factor = complex(np.vdot(true, self.analytic.reshape(-1)) / weight)
        return factor if self.equals(factor * self.numeric) else None


def full_gradient(problem: Problem, rng: np.random.Generator) -> Full | None:
    """Differentiate every element on its own; None where that takes too long."""
    shape = problem.value.shape
    blocks = find_blocks(problem, rng)
    size = blocks.size(shape)
    work = size * sum(output.size for output in problem.outputs)
    if size > _DIRECTIONS or work > _WORK:
        return None
    analytic, numeric, tolerance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    plan: Plan | None = None
    for position in range(size):
        v = one_each(problem, blocks, position, rng)
        place = placed(blocks, shape, position)
        found = compare(problem, blocks, v, plan)
        plan = found.plan
        step = np.where(v[place] == 0, np.inf, v[place])
        analytic[place], numeric[place] = found.analytic / step, found.numeric / step
        tolerance[place] = found.tolerance / np.abs(step)
    if not problem.is_complex:
        return Full(analytic, numeric, tolerance, problem.value)
    return Full(
        analytic[..., 0] + 1j * analytic[..., 1],
        numeric[..., 0] + 1j * numeric[..., 1],
        tolerance.sum(axis=-1),
        problem.value[..., 0] + 1j * problem.value[..., 1],
    )


def explain(full: Full, name: str) -> Iterator[Cause]:
    """Yield the causes whose evidence holds, the most telling first; none for a plain factor."""
    if not np.any(full.analytic):
        yield Cause(
            "zero-gradient",
            f"backward() returns zero for every element of {name}, and the output depends on it.",
        )
        return
    ratio = full.ratio
    if ratio is not None and abs(ratio + 1) < _MATCH:
        yield Cause("sign-flipped", "analytic / numeric = -1 at every element.", {"ratio": -1.0})
    if np.iscomplexobj(full.analytic) and full.equals(np.conj(full.numeric)):
        yield Cause(
            "conjugated",
            "analytic is the complex conjugate of numeric at every element: gradients are "
            "dL/dRe + i dL/dIm here.",
        )
    yield from _rearranged(full, name)
    if _is_rounded(full):
        yield Cause(
            "rounding",
            "every element carries float32 precision only, and is right to that precision.",
        )
    yield from _region(full, name)


def _rearranged(full: Full, name: str) -> Iterator[Cause]:
    true = full.numeric
    if true.ndim == 2 and full.equals(true.T) and not full.equals(true):
        yield Cause("transposed", f"analytic is the transpose of the true gradient of {name}.")
    for axis in range(true.ndim):
        if true.shape[axis] > 1 and full.equals(np.flip(true, axis)):
            yield Cause("flipped", f"analytic is the true gradient flipped along axis {axis}.")
        for shift in {1, -1} if true.shape[axis] > 2 else set():
            if full.equals(np.roll(true, shift, axis)):
                yield Cause(
                    "shifted",
                    f"analytic is the true gradient shifted by {shift} along axis {axis}.",
                    {"axis": axis, "shift": shift},
                )


def _is_rounded(full: Full) -> bool:
    if np.iscomplexobj(full.analytic):
        return False
    error = np.abs(full.analytic - full.numeric)
    narrow = np.abs(full.analytic.astype(np.float32) - full.analytic)
    scale = np.maximum(np.abs(full.analytic), 1e-30)
    return bool(
        np.all(narrow <= 4 * np.finfo(float).eps * scale)
        and np.all(error <= 2.0**-18 * _rms(full.numeric) + full.tolerance)
    )


def _region(full: Full, name: str) -> Iterator[Cause]:
    """Name the part of the tensor that is wrong, where it is one side of zero or one slice."""
    wrong = full.wrong
    if wrong.all() or np.iscomplexobj(full.value):
        return
    felt = (np.abs(full.numeric) > full.tolerance) | (np.abs(full.analytic) > full.tolerance)
    for text, region in (
        (f"{name} <= 0", full.value <= 0),
        (f"{name} > 0", full.value > 0),
    ):
        if region.any() and not region.all() and np.array_equal(wrong & felt, region & felt):
            yield Cause(
                "wrong-region",
                f"exactly the elements with {text} are wrong{_there(full, wrong)}.",
                {"region": text},
            )
            return
    for axis, length in enumerate(wrong.shape):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        slices = np.flatnonzero(wrong.any(axis=others))
        if length > 2 and slices.size == 1:
            yield Cause(
                "wrong-region",
                f"only elements with index {slices[0]} of {length} along axis {axis} are "
                f"wrong{_there(full, wrong)}.",
                {"axis": axis, "index": int(slices[0])},
            )


def _there(full: Full, wrong: npt.NDArray[np.bool_]) -> str:
    """What holds in the wrong region, as far as one factor says it."""
    true, claimed = full.numeric[wrong], full.analytic[wrong]
    if not np.any(claimed):
        return ", and zero there"
    part = Full(claimed, true, full.tolerance[wrong], full.value[wrong])
    ratio = part.ratio
    return "" if ratio is None else f": analytic / numeric = {ratio.real:.6g} there"


def _rms(array: npt.NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.abs(array) ** 2))) if array.size else 0.0
