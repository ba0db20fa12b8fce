"""Activations with a derivative everywhere."""

from __future__ import annotations

import math

import numpy as np

from tests.gradient_corpus.entry import right, wrong


class Activation:
    """z = function(x), element by element."""

    def predict(self, x):
        return self.function(x)

    def backward(self, x, z, dz, memory):
        return dz * self.slope(x, z)


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def softplus(x):
    return np.logaddexp(x, 0).astype(x.dtype)


def normal_cdf(x):
    return (0.5 * (1 + np.frompyfunc(math.erf, 1, 1)(x / math.sqrt(2)))).astype(x.dtype)


def normal_density(x):
    return np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


class Sigmoid(Activation):
    def function(self, x):
        return sigmoid(x)

    def slope(self, x, z):
        return z * (1 - z)


class SigmoidWithoutOneMinus(Sigmoid):
    def slope(self, x, z):
        return z


class SigmoidOfItsOutput(Sigmoid):
    def slope(self, x, z):
        return sigmoid(z) * (1 - sigmoid(z))


class SigmoidDescending(Sigmoid):
    def slope(self, x, z):
        return -z * (1 - z)


class SigmoidIgnoresUpstream(Sigmoid):
    def backward(self, x, z, dz, memory):
        return z * (1 - z)


class Tanh(Activation):
    def function(self, x):
        return np.tanh(x)

    def slope(self, x, z):
        return 1 - z**2


class TanhOfInput(Tanh):
    def slope(self, x, z):
        return 1 - x**2


class TanhWithoutSquare(Tanh):
    def slope(self, x, z):
        return 1 - z


class TanhAtUpstream(Tanh):
    def backward(self, x, z, dz, memory):
        return 1 - np.tanh(dz) ** 2


class TanhUpstreamTwice(Tanh):
    def backward(self, x, z, dz, memory):
        return dz * super().backward(x, z, dz, memory)


class GELU(Activation):
    def function(self, x):
        return x * normal_cdf(x)

    def slope(self, x, z):
        return normal_cdf(x) + x * normal_density(x)


def gelu_by_tanh(x):
    return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_by_tanh_slope(x, cubic=3 * 0.044715):
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + cubic * x**2)


class GELUMixture(GELU):
    def slope(self, x, z):
        return gelu_by_tanh_slope(x)


class GELUWithoutDensity(GELU):
    def slope(self, x, z):
        return normal_cdf(x)


class GELUDensityWithoutHalf(GELU):
    def slope(self, x, z):
        return normal_cdf(x) + x * np.exp(-(x**2)) / math.sqrt(2 * math.pi)


class GELUOneElement(GELU):
    def backward(self, x, z, dz, memory):
        dx = super().backward(x, z, dz, memory)
        dx.reshape(-1)[dx.size // 3] *= 1.001
        return dx


class GELUTanh(Activation):
    def function(self, x):
        return x * gelu_by_tanh(x)

    def slope(self, x, z):
        return gelu_by_tanh_slope(x)


class GELUTanhWithoutInner(GELUTanh):
    def slope(self, x, z):
        return gelu_by_tanh_slope(x, cubic=0.0)


class GELUTanhCubicWithoutThree(GELUTanh):
    def slope(self, x, z):
        return gelu_by_tanh_slope(x, cubic=0.044715)


SMALL = ("CB:5,7",)
IMAGES = ("SSCB:3,4,5,7",)
REAL = "SSCB:24,24,20,128"
SLOPE = {"input:x": "elementwise-derivative"}
SLOPE_OR_FACTOR = {"input:x": "elementwise-derivative missing-factor"}
SLOPE_OR_TERM = {"input:x": "elementwise-derivative missing-term"}
SIGMOID = right(Sigmoid, *SMALL, full=REAL)
TANH = right(Tanh, *SMALL, full=REAL)
GELU_EXACT = right(GELU, *IMAGES, full="SSCB:24,24,20,16")
GELU_TANH = right(GELUTanh, *SMALL)
CORRECT = (
    SIGMOID,
    TANH,
    GELU_EXACT,
    GELU_TANH,
)

BUGS = (
    wrong(SIGMOID, SigmoidWithoutOneMinus, "s' = s, not s (1 - s)", SLOPE_OR_FACTOR),
    wrong(SIGMOID, SigmoidOfItsOutput, "The derivative of x is taken at z.", SLOPE, full=True),
    wrong(
        SIGMOID,
        SigmoidDescending,
        "Backward already steps downhill.",
        {"input:x": "sign-flipped"},
        full=True,
    ),
    wrong(
        SIGMOID,
        SigmoidIgnoresUpstream,
        "Returns f'(x), as a table of activations has it.",
        {"input:x": "missing-upstream-gradient"},
        also="linear_in_upstream",
        full=True,
    ),
    wrong(TANH, TanhOfInput, "1 - z^2 with x for z.", SLOPE),
    wrong(TANH, TanhWithoutSquare, "1 - z, mistaken for the sigmoid's.", SLOPE_OR_FACTOR),
    wrong(
        TANH,
        TanhAtUpstream,
        "The argument of backward is taken for x.",
        {"input:x": "upstream-nonlinear missing-upstream-gradient"},
        also="linear_in_upstream",
    ),
    wrong(
        TANH,
        TanhUpstreamTwice,
        "Multiplied by dz here and by the caller's helper.",
        {"input:x": "upstream-nonlinear"},
        also="linear_in_upstream",
        full=True,
    ),
    wrong(GELU_EXACT, GELUMixture, "Forward by erf, backward by the tanh formula.", SLOPE),
    wrong(GELU_EXACT, GELUWithoutDensity, "x Phi(x) derived as if Phi were fixed.", SLOPE_OR_TERM),
    wrong(GELU_EXACT, GELUDensityWithoutHalf, "exp(-x^2) for exp(-x^2/2).", SLOPE_OR_TERM),
    wrong(
        GELU_EXACT,
        GELUOneElement,
        "One element by 0.1 %, as a faulty kernel's last thread.",
        {"input:x": "wrong-region"},
        full=True,
    ),
    wrong(GELU_TANH, GELUTanhWithoutInner, "The cubic's derivative is forgotten.", SLOPE_OR_TERM),
    wrong(GELU_TANH, GELUTanhCubicWithoutThree, "x^3 derived as x^2.", SLOPE_OR_TERM),
)
