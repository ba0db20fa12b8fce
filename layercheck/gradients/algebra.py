"""Exact tests of a backward: a linear function of the upstream gradient, no differences needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from layercheck.tolerances import Difference, difference, eps_of, rms, spread

AnyArray = npt.NDArray[Any]
Gradients = Sequence[AnyArray | None]
Backward = Callable[[Sequence[AnyArray]], Gradients]

# A sum of two results that were each rounded to float32 somewhere inside is off by a few of its
# eps; what is not linear is off by far more.
_ROUNDED = 2.0**-18
_JITTERS = 8


@dataclass(frozen=True)
class Violation:
    """How a backward is not linear.

    Parameters
    ----------
    test : {"zero", "double", "sum"}
        The first test that it fails: backward(0) = 0, backward(2d) = 2 backward(d),
        backward(d + e) = backward(d) + backward(e).
    number : int
        Which gradient shows it.
    difference : Difference
        Actual against what linearity demands.
    cause : str
        ``missing-upstream-gradient``, ``mask-from-upstream`` or ``upstream-nonlinear``.
    evidence : str
        What was observed, one sentence.
    """

    test: Literal["zero", "double", "sum"]
    number: int
    difference: Difference
    cause: str
    evidence: str


def nonlinearity(
    backward: Backward,
    d: Sequence[AnyArray],
    base: Gradients,
    spreads: Sequence[float],
) -> Violation | None:
    """Return how `backward` fails to be linear; None where it is linear.

    Parameters
    ----------
    backward : callable, upstream gradients -> gradients
    d : sequence of arrays
        An upstream gradient; `base` is backward(d).
    spreads : sequence of float
        The change of each gradient under a last-bit jitter of the layer's arguments.
    """
    if _adds_up(backward, d, base, spreads):
        return None
    spreads = [max(pair) for pair in zip(spreads, _rounding(backward, d, base), strict=True)]
    e = [np.asarray(dz.reshape(-1)[::-1].reshape(dz.shape)) * -1.25 for dz in d]
    zero = backward([np.zeros_like(dz) for dz in d])
    double = backward([2 * dz for dz in d])
    for number, (at_zero, at_double, at_d) in enumerate(zip(zero, double, base, strict=True)):
        if at_d is None or at_zero is None or at_double is None:
            continue
        found = difference(at_zero, np.zeros_like(at_zero), 4 * eps_of(at_zero.dtype) * rms(at_d))
        if found is not None:
            return Violation("zero", number, found, *_without_factor(at_zero, at_d, at_double))
        limit = _limit(at_d, at_double, spreads[number])
        found = difference(at_double, 2 * at_d, limit)
        if found is not None:
            text = _power(at_double, at_d)
            return Violation("double", number, found, "upstream-nonlinear", text)
    return _not_additive(backward, d, e, base, spreads)


def _adds_up(
    backward: Backward, d: Sequence[AnyArray], base: Gradients, spreads: Sequence[float]
) -> bool:
    """Whether backward(e) + backward(d - e) = backward(d), e being 0, 2d, -d and other entries.

    No power, sign, mask or constant adds up for all four.
    """
    e = [_mixture(dz) for dz in d]
    first = backward(e)
    second = backward([dz - ez for dz, ez in zip(d, e, strict=True)])
    for number, (one, two, both) in enumerate(zip(first, second, base, strict=True)):
        if one is None or two is None or both is None:
            continue
        size = max(rms(one), rms(two), rms(both))
        limit = _limit(both, one, spreads[number]) + _ROUNDED * size
        if difference(one + two, both, limit) is not None:
            return False
    return True


def _rounding(backward: Backward, d: Sequence[AnyArray], base: Gradients) -> list[float]:
    """Return the largest change of each gradient when `d` is moved by its last bits, many times.

    Where all terms cancel, one jitter may by chance change nothing.
    """
    rng = np.random.default_rng(0)
    largest = [0.0] * len(base)
    for _ in range(_JITTERS):
        moved = backward([_jittered(dz, rng) for dz in d])
        for number, (new, old) in enumerate(zip(moved, base, strict=True)):
            if new is not None and old is not None and new.shape == old.shape:
                largest[number] = max(largest[number], *spread([new], [old]))
    return largest


def _jittered(dz: AnyArray, rng: np.random.Generator) -> AnyArray:
    bits = rng.uniform(-32.0, 32.0, dz.shape)  # one alone would leave a scalar two values
    return (dz * (1 + eps_of(dz.dtype) * bits)).astype(dz.dtype)


def _mixture(dz: AnyArray) -> AnyArray:
    flat = dz.reshape(-1)
    mixed = flat[::-1].copy()
    mixed[0::4], mixed[1::4], mixed[2::4] = 2 * flat[0::4], 0, -flat[2::4]
    return mixed.reshape(dz.shape)


def _not_additive(
    backward: Backward,
    d: Sequence[AnyArray],
    e: Sequence[AnyArray],
    base: Gradients,
    spreads: Sequence[float],
) -> Violation | None:
    other = backward(e)
    both = backward([a + b for a, b in zip(d, e, strict=True)])
    for number, (at_e, at_both, at_d) in enumerate(zip(other, both, base, strict=True)):
        if at_d is None or at_e is None or at_both is None:
            continue
        size = max(rms(at_d), rms(at_e), rms(at_both))
        limit = _limit(at_d, at_both, spreads[number]) + _ROUNDED * size
        found = difference(at_both, at_d + at_e, limit)
        if found is not None:
            opposite = backward([-dz for dz in d])[number]
            cause, evidence = _from_the_sign(opposite, at_d, limit)
            return Violation("sum", number, found, cause, evidence)
    return None


def _limit(at_d: AnyArray, other: AnyArray, spread: float) -> float:
    eps = eps_of(at_d.dtype)
    return 64 * eps * max(rms(at_d), rms(other)) + 40 * spread


def _without_factor(zero: AnyArray, base: AnyArray, double: AnyArray) -> tuple[str, str]:
    """Tell a gradient that ignores the upstream one from an affine or other dependence."""
    limit = 64 * eps_of(base.dtype) * rms(base)
    if difference(zero, base, limit) is None and difference(double, base, limit) is None:
        return (
            "missing-upstream-gradient",
            "backward() returns the same for d, 2d and 0: it does not use the upstream gradient.",
        )
    wide = 64 * limit
    if difference(double - zero, 2 * (base - zero), wide) is None:
        return (
            "missing-upstream-gradient",
            "backward(d) = a linear part + something that does not depend on d: a term lacks the "
            "upstream gradient.",
        )
    return "upstream-nonlinear", "backward(0) is not zero, and backward is not affine either."


def _power(double: AnyArray, base: AnyArray) -> str:
    """Name the power of the upstream gradient where doubling it multiplies by 4 or 8."""
    for power in (2, 3):
        factor = 2**power
        if difference(double, factor * base, 1e-6 * factor * rms(base)) is None:
            return f"backward(2d) = {factor} backward(d): it grows with power {power} of d."
    return "backward(2d) is not 2 backward(d)."


def _from_the_sign(opposite: AnyArray | None, base: AnyArray, limit: float) -> tuple[str, str]:
    if opposite is not None and difference(opposite, -base, limit) is not None:
        return (
            "mask-from-upstream",
            "backward(2d) = 2 backward(d), but backward(-d) is not -backward(d): a branch is "
            "taken on the sign of the upstream gradient.",
        )
    return (
        "mask-from-upstream",
        "backward(2d) = 2 backward(d), but backward(d + e) is not backward(d) + backward(e): a "
        "selection depends on the upstream gradient.",
    )
