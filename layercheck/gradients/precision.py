"""The difference steps that suit each floating dtype."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Precision:
    """The steps that suit outputs of one floating dtype.

    Parameters
    ----------
    eps : float
        Spacing of 1.0 in the least precise dtype that the values pass through.
    pairs : tuple of float
        Steps of the pairs, largest first, in which straight outputs are sought.
    begin : float
        No later direction begins at a smaller pair: two are needed to tell bent from kinked, and
        rounding blurs small ones.
    ladder : tuple of float
        Steps of the triples for smooth functions, largest first; the second is tried first.
    fine, finest : float
        A triple, then a pair, for the outputs that are bent within the larger steps.
    nearby : float
        Distance of points nearby at which the derivative of a smooth function is nearly the same.
    acceptable : float
        Bound, relative to the rms of all derivatives, above which an output tries the next step.
    """

    eps: float
    pairs: tuple[float, ...]
    begin: float
    ladder: tuple[float, ...]
    fine: float
    finest: float
    nearby: float
    acceptable: float

    @property
    def largest(self) -> float:
        """The largest step of all."""
        return max(*self.pairs, *self.ladder)


FLOAT64 = Precision(
    eps=2.0**-52,
    pairs=(2.0**-3, 2.0**-11, 2.0**-18, 2.0**-22),
    begin=2.0**-18,
    ladder=(2.0**-5, 2.0**-8, 2.0**-11, 2.0**-15),
    fine=2.0**-15,
    finest=2.0**-22,
    nearby=2.0**-18,
    acceptable=1e-5,
)
FLOAT32 = Precision(
    eps=2.0**-23,
    pairs=(2.0**-2, 2.0**-5, 2.0**-8),
    begin=2.0**-2,
    ladder=(2.0**-1, 2.0**-3, 2.0**-5, 2.0**-6),
    fine=2.0**-6,
    finest=2.0**-9,
    nearby=2.0**-6,
    acceptable=2.0**-7,
)


def precision_of(dtype: npt.DTypeLike) -> Precision:
    """Return the steps for values of `dtype`; those of float32 for anything narrower."""
    return FLOAT64 if np.finfo(dtype).eps < 2.0**-30 else FLOAT32
