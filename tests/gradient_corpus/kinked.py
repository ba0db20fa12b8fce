"""Activations with kinks, and the mistakes made on either side of them."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong
from tests.gradient_corpus.smooth import Activation


class ReLU(Activation):
    def function(self, x):
        return np.maximum(x, 0)

    def slope(self, x, z):
        return x > 0


class ReLUHalfAtZero(ReLU):
    """Takes the middle of the two slopes at zero, as some frameworks do."""

    def slope(self, x, z):
        return ((x > 0) + 0.5 * (x == 0)).astype(x.dtype)


class ReLUMaskFromUpstream(ReLU):
    def backward(self, x, z, dz, memory):
        return dz * (dz > 0)


class ReLUInverted(ReLU):
    def slope(self, x, z):
        return x < 0


class ReLUSign(ReLU):
    def slope(self, x, z):
        return np.sign(x)


class ReLUReturnsInput(ReLU):
    def slope(self, x, z):
        return np.maximum(x, 0)


class ReLUIgnoresUpstream(ReLU):
    def backward(self, x, z, dz, memory):
        return (x > 0).astype(x.dtype)


class ReLUMaskOfFirstObservation(ReLU):
    def slope(self, x, z):
        return x[..., :1] > 0


class ReLUFiveAtZero(ReLU):
    def slope(self, x, z):
        return np.where(x == 0, 5, x > 0).astype(x.dtype)


class ReLUEditsUpstream(ReLU):
    def backward(self, x, z, dz, memory):
        dz[x <= 0] = 0
        return dz


class LeakyReLU(Activation):
    def function(self, x):
        return np.where(x > 0, x, 0.2 * x)

    def slope(self, x, z):
        return np.where(x > 0, 1, 0.2).astype(x.dtype)


class LeakyReLUZeroBelow(LeakyReLU):
    def slope(self, x, z):
        return x > 0


class LeakyReLUAssigns(LeakyReLU):
    def backward(self, x, z, dz, memory):
        return np.where(x > 0, dz, 0.2).astype(x.dtype)


class LeakyReLUTakesWhatForwardTook(LeakyReLU):
    def slope(self, x, z):
        return np.where(x > 0, 1, 0.2 * x).astype(x.dtype)


class ELU(Activation):
    alpha = 0.7

    def function(self, x):
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def slope(self, x, z):
        return np.where(x > 0, 1, z + self.alpha).astype(x.dtype)


class ELUWithoutAlpha(ELU):
    def slope(self, x, z):
        return np.where(x > 0, 1, z).astype(x.dtype)


class ELULinearBelow(ELU):
    def slope(self, x, z):
        return np.where(x > 0, 1, self.alpha).astype(x.dtype)


class SELU(ELU):
    scale = 1.0507009873554805
    alpha = 1.6732632423543772

    def function(self, x):
        return self.scale * super().function(x)

    def slope(self, x, z):
        return self.scale * super().slope(x, z / self.scale)


class SELUWithoutScale(SELU):
    def slope(self, x, z):
        return super().slope(x, z) / self.scale


class SELUScaleAboveOnly(SELU):
    def slope(self, x, z):
        slope = super().slope(x, z)
        return np.where(x > 0, slope, slope / self.scale)


SMALL = ("CB:5,7",)
REAL = "SSCB:24,24,20,128"
REGION = {"input:x": "wrong-region"}
RELU = right(ReLU, *SMALL, full=REAL)
LEAKY = right(LeakyReLU, "SSCB:3,4,5,7", full=REAL)
EXPONENTIAL_LINEAR = right(ELU, *SMALL)
SCALED = right(SELU, *SMALL)
CORRECT = (
    RELU,
    right(ReLUHalfAtZero, *SMALL),
    LEAKY,
    EXPONENTIAL_LINEAR,
    SCALED,
)

BUGS = (
    wrong(
        RELU,
        ReLUMaskFromUpstream,
        "The mask is taken from dz, not x.",
        {"input:x": "mask-from-upstream"},
        also="linear_in_upstream",
        full=True,
    ),
    wrong(RELU, ReLUInverted, "The mask is the wrong way round.", REGION),
    wrong(RELU, ReLUSign, "The sign passes the gradient below zero, negated.", REGION),
    wrong(
        RELU,
        ReLUReturnsInput,
        "Applies forward's formula to get the slope.",
        {"input:x": "missing-factor elementwise-derivative"},
    ),
    wrong(
        RELU,
        ReLUIgnoresUpstream,
        "Returns the mask.",
        {"input:x": "missing-upstream-gradient"},
        also="linear_in_upstream",
    ),
    wrong(
        RELU,
        ReLUMaskOfFirstObservation,
        "The mask of one observation serves the batch.",
        {"input:x": "batch-leak wrong-region elementwise-derivative"},
        full=True,
    ),
    wrong(
        RELU,
        ReLUFiveAtZero,
        "A placeholder at zero was never replaced.",
        {"input:x": "one-sided-at-kink"},
        points="grid",
        full=True,
    ),
    wrong(
        RELU,
        ReLUEditsUpstream,
        "Zeroes the caller's dz in place.",
        {"purity.upstream_unchanged": "mutates-upstream"},
        full=True,
    ),
    wrong(LEAKY, LeakyReLUZeroBelow, "The plain ReLU's backward.", REGION, full=True),
    wrong(
        LEAKY,
        LeakyReLUAssigns,
        "Below zero the slope is assigned, not multiplied.",
        {"input:x": "missing-upstream-gradient upstream-nonlinear"},
        also="linear_in_upstream",
    ),
    wrong(
        LEAKY,
        LeakyReLUTakesWhatForwardTook,
        "alpha x for alpha.",
        {"input:x": "wrong-region missing-factor elementwise-derivative"},
    ),
    wrong(
        EXPONENTIAL_LINEAR,
        ELUWithoutAlpha,
        "z + alpha without alpha.",
        {"input:x": "wrong-region elementwise-derivative missing-term"},
    ),
    wrong(
        EXPONENTIAL_LINEAR,
        ELULinearBelow,
        "The exponential is not derived.",
        {"input:x": "wrong-region elementwise-derivative missing-factor"},
    ),
    wrong(
        SCALED,
        SELUWithoutScale,
        "The outer factor is lost.",
        {"input:x": "constant-factor"},
    ),
    wrong(SCALED, SELUScaleAboveOnly, "The outer factor is applied above zero only.", REGION),
)
