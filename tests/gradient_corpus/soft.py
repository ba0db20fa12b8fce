"""Soft relatives of the ReLU, and the soft sign."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong
from tests.gradient_corpus.smooth import Activation, sigmoid, softplus


class SiLU(Activation):
    def function(self, x):
        return x * sigmoid(x)

    def slope(self, x, z):
        s = sigmoid(x)
        return s + z * (1 - s)


class SiLUAsSigmoid(SiLU):
    def slope(self, x, z):
        return z * (1 - z)


class SiLUFirstFactorOnly(SiLU):
    def slope(self, x, z):
        return sigmoid(x)


class SiLUSaturates(SiLU):
    def slope(self, x, z):
        return np.where(np.abs(x) > 3, (x > 0).astype(x.dtype), super().slope(x, z))


class SiLUInHalfPrecision(SiLU):
    def slope(self, x, z):
        s = sigmoid(x).astype(np.float16)
        return (s + z.astype(np.float16) * (1 - s)).astype(x.dtype)


class Softplus(Activation):
    def function(self, x):
        return softplus(x)

    def slope(self, x, z):
        return sigmoid(x)


class SoftplusZeroAtZero(Softplus):
    def slope(self, x, z):
        return np.where(x == 0, 0, super().slope(x, z)).astype(x.dtype)


class SoftplusCutOff(Softplus):
    def slope(self, x, z):
        return np.where(x > 8, 0, super().slope(x, z)).astype(x.dtype)


class SoftplusNextObservation(Softplus):
    def backward(self, x, z, dz, memory):
        return np.roll(super().backward(x, z, dz, memory), 1, axis=-1)


class Softsign(Activation):
    def function(self, x):
        return x / (1 + np.abs(x))

    def slope(self, x, z):
        return 1 / (1 + np.abs(x)) ** 2


class SoftsignWithoutSquare(Softsign):
    def slope(self, x, z):
        return 1 / (1 + np.abs(x))


class SoftsignWithoutAbsolute(Softsign):
    def slope(self, x, z):
        return 1 / (1 + x) ** 2


class Mish(Activation):
    def function(self, x):
        return x * np.tanh(softplus(x))

    def slope(self, x, z):
        t = np.tanh(softplus(x))
        return t + x * (1 - t**2) * sigmoid(x)


class MishWithoutInner(Mish):
    def slope(self, x, z):
        t = np.tanh(softplus(x))
        return t + x * (1 - t**2)


SMALL = ("CB:5,7",)
IMAGES = ("SSCB:3,4,5,7",)
REAL = "SSCB:24,24,20,128"
SLOPE_OR_FACTOR = {"input:x": "elementwise-derivative missing-factor"}
SLOPE_OR_TERM = {"input:x": "elementwise-derivative missing-term"}
SILU = right(SiLU, *IMAGES, full=REAL)
SOFTPLUS = right(Softplus, *SMALL, full=REAL)
SOFTSIGN = right(Softsign, *SMALL)
MISH = right(Mish, *SMALL)
CORRECT = (
    SILU,
    SOFTPLUS,
    SOFTSIGN,
    MISH,
)

BUGS = (
    wrong(SILU, SiLUAsSigmoid, "The sigmoid's derivative, pasted.", SLOPE_OR_FACTOR),
    wrong(SILU, SiLUFirstFactorOnly, "Product rule: x s' is missing.", SLOPE_OR_TERM),
    wrong(
        SILU,
        SiLUSaturates,
        "The hard swish's ends on the smooth one.",
        {"input:x": "wrong-region"},
        points="wide",
        full=True,
    ),
    wrong(
        SILU,
        SiLUInHalfPrecision,
        "Mixed precision left on.",
        {"input:x": "rounding"},
        full=True,
    ),
    wrong(
        SOFTPLUS,
        SoftplusZeroAtZero,
        "A guard against x = 0 returns 0 where the slope is 1/2.",
        {"input:x": "wrong-region one-sided-at-kink"},
        points="grid",
    ),
    wrong(
        SOFTPLUS,
        SoftplusCutOff,
        "A guard against overflow returns 0 where the slope is 1.",
        {"input:x": "wrong-region"},
        points="wide",
    ),
    wrong(
        SOFTPLUS,
        SoftplusNextObservation,
        "Each observation gets its neighbour's gradient.",
        {"input:x": "shifted batch-leak permuted"},
        full=True,
    ),
    wrong(SOFTSIGN, SoftsignWithoutSquare, "1/(1+|x|) is not squared.", SLOPE_OR_FACTOR),
    wrong(
        SOFTSIGN,
        SoftsignWithoutAbsolute,
        "x for |x|.",
        {"input:x": "wrong-region elementwise-derivative"},
    ),
    wrong(MISH, MishWithoutInner, "The softplus is not derived.", SLOPE_OR_TERM),
)
