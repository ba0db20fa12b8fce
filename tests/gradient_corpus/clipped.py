"""Activations with two kinks, and the absolute value."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong
from tests.gradient_corpus.smooth import Activation


class HardTanh(Activation):
    def function(self, x):
        return np.clip(x, -1, 1)

    def slope(self, x, z):
        return np.abs(x) < 1


class HardTanhOneEnd(HardTanh):
    def slope(self, x, z):
        return x < 1


class HardTanhEverywhere(HardTanh):
    def slope(self, x, z):
        return np.ones_like(x)


class HardTanhTwiceAtTheEnds(HardTanh):
    def slope(self, x, z):
        return (x >= -1) * (x <= 1) * (1 + (np.abs(x) == 1)).astype(x.dtype)


class ReLU6(Activation):
    def function(self, x):
        return np.clip(x, 0, 6)

    def slope(self, x, z):
        return (x > 0) & (x < 6)


class ReLU6WithoutCeiling(ReLU6):
    def slope(self, x, z):
        return x > 0


class HardSwish(Activation):
    def function(self, x):
        return x * np.clip(x + 3, 0, 6) / 6

    def slope(self, x, z):
        return np.where(np.abs(x) < 3, (2 * x + 3) / 6, x >= 3).astype(x.dtype)


class HardSwishParabolaAbove(HardSwish):
    def slope(self, x, z):
        return np.where(x > -3, (2 * x + 3) / 6, 0).astype(x.dtype)


class HardSwishGateOnly(HardSwish):
    def slope(self, x, z):
        return np.where(np.abs(x) < 3, (x + 3) / 6, x >= 3).astype(x.dtype)


class Absolute(Activation):
    def function(self, x):
        return np.abs(x)

    def slope(self, x, z):
        return np.sign(x)


class AbsoluteAsReLU(Absolute):
    def slope(self, x, z):
        return x > 0


class AbsoluteTwoAtZero(Absolute):
    def slope(self, x, z):
        return np.where(x == 0, -2, np.sign(x))


class SoftShrink(Activation):
    def function(self, x):
        return np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)

    def slope(self, x, z):
        return np.abs(x) > 0.5


class SoftShrinkAboveOnly(SoftShrink):
    def slope(self, x, z):
        return x > 0.5


class SoftShrinkSigned(SoftShrink):
    def slope(self, x, z):
        return np.sign(x) * (np.abs(x) > 0.5)


SMALL = ("CB:5,7",)
WIDE = {"range": (-9.0, 9.0)}
REAL = "SSCB:24,24,20,128"
REGION = {"input:x": "wrong-region"}
HARD_TANH = right(HardTanh, *SMALL, full=REAL)
CAPPED = right(ReLU6, *SMALL, **WIDE)
HARD_SWISH = right(HardSwish, *SMALL, **WIDE)
ABSOLUTE = right(Absolute, *SMALL, full=REAL)
SHRINK = right(SoftShrink, *SMALL)
CORRECT = (
    HARD_TANH,
    CAPPED,
    HARD_SWISH,
    ABSOLUTE,
    SHRINK,
)

BUGS = (
    wrong(HARD_TANH, HardTanhOneEnd, "The lower end is forgotten.", REGION),
    wrong(HARD_TANH, HardTanhEverywhere, "A straight-through gradient.", REGION, full=True),
    wrong(
        HARD_TANH,
        HardTanhTwiceAtTheEnds,
        "Both branches count at the ends.",
        {"input:x": "one-sided-at-kink"},
        points="grid",
    ),
    wrong(CAPPED, ReLU6WithoutCeiling, "The plain ReLU's backward.", REGION),
    wrong(HARD_SWISH, HardSwishParabolaAbove, "The parabola goes on above 3.", REGION),
    wrong(
        HARD_SWISH,
        HardSwishGateOnly,
        "Product rule: x times the gate's slope is missing.",
        {"input:x": "missing-term wrong-region elementwise-derivative"},
    ),
    wrong(ABSOLUTE, AbsoluteAsReLU, "Zero below zero.", REGION),
    wrong(
        ABSOLUTE,
        AbsoluteTwoAtZero,
        "A sentinel for zero leaks out.",
        {"input:x": "one-sided-at-kink"},
        points="grid",
        full=True,
    ),
    wrong(SHRINK, SoftShrinkAboveOnly, "The mask of the upper branch alone.", REGION),
    wrong(SHRINK, SoftShrinkSigned, "The sign of z is applied again.", REGION),
)
