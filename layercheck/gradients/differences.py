"""Directional derivatives of every output at once, each with its own measured error bound.

Two evaluations give differences of all outputs, so what no textbook step size can promise is
measured here for each output: whether it is straight, smooth or bent between the steps, and how
far rounding may have moved it. An output that stays bent at the smallest step is *flagged*: the
point lies on a kink, and no difference quotient is its derivative.

Two schemes are used. A *pair* takes f(h) and f(-5/8 h); the slopes on the two sides agree where
f is straight, and the unequal steps see kinks that are odd about the point. A *triple* takes
f(+-h), f(+-h/2), f(+-h/4); two Richardson steps leave an error of order h^6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layercheck.gradients.attempt import Attempt, Function, pair, triple
from layercheck.gradients.precision import FLOAT32, FLOAT64, Precision
from layercheck.gradients.quotients import Derivative, Measured

_WORTH = 64  # spread over rounding that makes a smaller step worth its evaluations, if it is
_SMALL = 2.0**-24  # over the derivative already
_SMOOTH = 0.75  # share of open outputs that is smooth where kinks are not what keeps them open
_RARE = 2.0**-16  # share of outputs at kinks that does not make larger steps a waste


@dataclass(frozen=True)
class Plan:
    """What the first direction taught about a function, to be reused for the next ones.

    Parameters
    ----------
    triple : float or None
        Step of the triples; None where most outputs are straight and pairs suffice.
    pair : float
        The largest step of the pairs that is worth it: larger ones meet too many kinks.
    precision : Precision
        Lower than asked for where the function turned out to round its values.
    """

    triple: float | None
    pair: float
    precision: Precision


def directional_derivative(
    f: Function,
    outputs: Sequence[npt.NDArray[np.generic]],
    *,
    precision: Precision = FLOAT64,
    plan: Plan | None = None,
    limit: float = math.inf,
) -> tuple[tuple[Derivative, ...], Plan]:
    """Differentiate all outputs of `f` at t = 0 and bound the error of each element.

    The steps are fractions of 1, so `f` must vary on a scale of about 1: with f(t) = layer(x + t v)
    give `v` the magnitude of `x`. Where `x` and `v` lie on a short binary grid, x + t v is exact.

    Parameters
    ----------
    f : callable, float -> sequence of arrays
        All outputs as functions of t. Each call returns new arrays.
    outputs : sequence of arrays, real or complex
        f(0). Elements that are not finite are flagged.
    precision : Precision, optional
        That of the values handed to the function. Rounding to float32 inside it is noticed.
    plan : Plan, optional
        The plan of an earlier direction; saves the evaluations that found it.
    limit : float, optional
        No |t| exceeds it, so that no step leaves the function's domain.

    Returns
    -------
    derivatives : tuple of Derivative, one per output
    plan : Plan

    Examples
    --------
    >>> x = np.array([3.0, -1.0])
    >>> (d,), plan = directional_derivative(lambda t: [(x + t) ** 2], [x**2])
    >>> d.value.round(9)
    array([ 6., -2.])
    """
    with np.errstate(all="ignore"):
        if plan is None:
            work, plan = _explore(Attempt(f, outputs, precision, limit))
        else:
            work = Attempt(f, outputs, plan.precision, limit)
            if plan.triple is None:
                _follow_pairs(work, plan.pair)
            else:
                _follow_triples(work, *triple(work, plan.triple))
    noisy = work.is_noisy
    return tuple(output.result(work.evaluations, noisy) for output in work.outputs), plan


def _explore(work: Attempt) -> tuple[Attempt, Plan]:
    """Find the scheme that suits the function, and follow it."""
    step = work.within(*work.precision.pairs)[0]
    found = pair(work, step)
    if _straight(work, found, step):
        return work, Plan(None, _follow_pairs(work, step, found), work.precision)
    if work.precision.eps < FLOAT32.eps and _rounds(work, found, step):
        return _explore(work.at(FLOAT32))
    del found  # as large as the outputs
    found, step, best = _best_triple(work)
    _follow_triples(work, found, step)
    return work, Plan(best, 0.0, work.precision)


def _follow_pairs(work: Attempt, largest: float, found: dict[int, Measured] | None = None) -> float:
    """Take pairs of smaller and smaller steps, then triples for what is smooth, not straight.

    Return the largest step at which hardly any element stayed open for its kinks; what is smooth
    and not straight stays open at any.
    """
    worth, steps = 0.0, work.within(*(s for s in work.precision.pairs if s <= largest))
    for step in steps:
        done = work.settle(found or pair(work, step), step, None)
        if step < steps[0] and work.shrinking_share > _SMOOTH:
            worth = steps[0]
        if not worth and work.open_share <= _RARE:
            worth = max(step, work.precision.begin)
        if done:
            return worth
        found = None
    worth = worth or steps[0]
    kinks = [output.set_aside(~output.shrinking) for output in work.outputs]
    for step in work.within(work.precision.ladder[1], work.precision.fine):
        if not work.active:
            break
        work.settle(*triple(work, step), work.precision.acceptable)
    for output, indices in zip(work.outputs, kinks, strict=True):
        output.reopen(indices)
    return worth


def _follow_triples(work: Attempt, found: dict[int, Measured], step: float) -> None:
    """Settle what the first triple did, then take a finer one and a pair for what is bent."""
    acceptable = work.precision.acceptable
    if work.settle(work.suited(found, step), step, acceptable):
        return
    for finer in work.within(work.precision.fine):
        if finer < step:
            found, _ = triple(work, finer)
            if work.settle(work.suited(found, finer), finer, acceptable):
                return
    for finest in work.within(work.precision.finest):
        found = pair(work, finest)
        for k, measured in found.items():
            work.outputs[k].allow_curvature(measured, finest)
        work.settle(found, finest, acceptable)


def _best_triple(work: Attempt) -> tuple[dict[int, Measured], float, float]:
    """Search the step at which curvature and rounding blur the derivative equally.

    Return the last triple and its step, and the best step, which may be the one before: two
    triples are not held at once.
    """
    ladder = work.within(*work.precision.ladder)
    start = min(1, len(ladder) - 1)
    found, step = triple(work, ladder[start])
    best, blur = step, _blur(work, found, step)
    for way in (1, -1):  # smaller, since curvature blurs; larger where noise does
        for other in ladder[start + 1 :] if way > 0 else ladder[:start][::-1]:
            if _balanced(work, found, step):
                return found, step, best
            found.clear()
            found, step = triple(work, other)
            before, blur = blur, min(blur, _blur(work, found, step))
            if blur == before:
                break
            best = step
        if best != ladder[start]:
            break
    return found, step, best


def _rounds(work: Attempt, found: dict[int, Measured], step: float) -> bool:
    """Whether a tiny step moves outputs by far too much or not at all: they are rounded.

    Outputs that a step half as long moves half as far only vary faster than the larger steps.
    """
    tiny = min(2.0**-30, work.limit)
    after, halfway = work.evaluate(tiny), None
    for k, measured in found.items():
        output = work.outputs[k]
        where, value, _, _ = output.sampled(measured, step)
        base = output.base[where].astype(np.float64)
        expected, moved = tiny * np.abs(value), after[k][where] - base
        clear = expected > 64 * work.precision.eps * (np.abs(base) + output.level)
        odd = (moved == 0) | (np.abs(moved) > 16 * expected)
        if clear.any() and odd[clear].mean() > 0.5:
            halfway = halfway or work.evaluate(tiny / 2)
            half = halfway[k][where] - base
            smooth = (moved != 0) & (np.abs(moved - 2 * half) <= np.abs(half) / 2)
            if smooth[clear].mean() < 0.5:
                return True
    return False


def _straight(work: Attempt, found: dict[int, Measured], step: float) -> bool:
    return all(spread <= 4 * rounding for _, spread, rounding in work.medians(found, step))


def _balanced(work: Attempt, found: dict[int, Measured], step: float) -> bool:
    """Whether a smaller step is not worth its evaluations."""
    return all(
        spread <= 8 * rounding or (spread <= _WORTH * rounding and spread <= _SMALL * size)
        for size, spread, rounding in work.means(found, step)
    )


def _blur(work: Attempt, found: dict[int, Measured], step: float) -> float:
    """The worst relative bound, over the outputs, of all elements together."""
    means = work.means(found, step)
    return max((min(1.0, (s + r) / v) if v else 1.0 for v, s, r in means), default=0.0)
