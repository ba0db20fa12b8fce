"""Powers, exponentials and periodic functions, some with learnables."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong
from tests.gradient_corpus.smooth import Activation


class Exponential(Activation):
    def function(self, x):
        return np.exp(x)

    def slope(self, x, z):
        return z


class ExponentialOfInput(Exponential):
    def slope(self, x, z):
        return x


class ExponentialInSinglePrecision(Exponential):
    def slope(self, x, z):
        return np.exp(x.astype(np.float32)).astype(x.dtype)


class ExponentialReversedFeatures(Exponential):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory)[::-1].copy()


class Logarithm(Activation):
    def function(self, x):
        return np.log(x)

    def slope(self, x, z):
        return 1 / x


class LogarithmTimesInput(Logarithm):
    def slope(self, x, z):
        return x


class LogarithmOfOutput(Logarithm):
    def slope(self, x, z):
        return 1 / z


class SquareRoot(Activation):
    def function(self, x):
        return np.sqrt(x)

    def slope(self, x, z):
        return 0.5 / z


class SquareRootWithoutHalf(SquareRoot):
    def slope(self, x, z):
        return 1 / z


class SquareRootOfInput(SquareRoot):
    def slope(self, x, z):
        return 0.5 / x


class Square(Activation):
    def function(self, x):
        return x**2

    def slope(self, x, z):
        return 2 * x


class SquareWithoutTwo(Square):
    def slope(self, x, z):
        return x


class SquareOfAbsolute(Square):
    def slope(self, x, z):
        return 2 * np.abs(x)


class Gaussian(Activation):
    def function(self, x):
        return np.exp(-(x**2))

    def slope(self, x, z):
        return -2 * x * z


class GaussianWithoutInput(Gaussian):
    def slope(self, x, z):
        return -2 * z


class GaussianWithoutMinus(Gaussian):
    def slope(self, x, z):
        return 2 * x * z


class Snake:
    """z = x + sin(a x)^2 / a, one frequency a for each channel."""

    learnables = ("a",)

    def __init__(self):
        self.a = None

    def initialize(self, layout):
        if self.a is None:
            channels = layout.size[layout.find("C")]
            self.a = layout.along("C", np.linspace(0.5, 1.5, channels))
        self.others = tuple(i for i in range(layout.rank) if i != layout.find("C"))

    def predict(self, x):
        return x + np.sin(self.a * x) ** 2 / self.a

    def frequency_slope(self, x):
        return x * np.sin(2 * self.a * x) / self.a - np.sin(self.a * x) ** 2 / self.a**2

    def backward(self, x, z, dz, memory):
        dx = dz * (1 + np.sin(2 * self.a * x))
        da = (dz * self.frequency_slope(x)).sum(axis=self.others, keepdims=True)
        return dx, da


class SnakeQuotientRule(Snake):
    def frequency_slope(self, x):
        return x * np.sin(2 * self.a * x) / self.a


class SnakeWithoutInput(Snake):
    def frequency_slope(self, x):
        return np.sin(2 * self.a * x) / self.a - np.sin(self.a * x) ** 2 / self.a**2


class SnakeSine(Snake):
    def backward(self, x, z, dz, memory):
        _, da = super().backward(x, z, dz, memory)
        return dz * (1 + 2 * np.sin(self.a * x)), da


class SnakeAveragesFrequencies(Snake):
    def backward(self, x, z, dz, memory):
        dx, da = super().backward(x, z, dz, memory)
        return dx, np.full_like(da, da.mean())


class Polynomial:
    """z = w0 + w1 x + w2 x^2 + w3 x^3."""

    learnables = ("w",)

    def __init__(self):
        self.w = normal(4)

    def predict(self, x):
        w = self.w
        return w[0] + x * (w[1] + x * (w[2] + x * w[3]))

    def powers(self, x, dz):
        return np.stack([(dz * x**k).sum() for k in range(4)])

    def slope(self, x):
        return self.w[1] + x * (2 * self.w[2] + x * 3 * self.w[3])

    def backward(self, x, z, dz, memory):
        return dz * self.slope(x), self.powers(x, dz)


class PolynomialWithoutFactors(Polynomial):
    def slope(self, x):
        return self.w[1] + x * (self.w[2] + x * self.w[3])


class PolynomialFromHighest(Polynomial):
    def powers(self, x, dz):
        return super().powers(x, dz)[::-1].copy()


class PolynomialOffByOne(Polynomial):
    def powers(self, x, dz):
        return np.roll(super().powers(x, dz), -1)


class PolynomialFirstObservation(Polynomial):
    def powers(self, x, dz):
        return super().powers(x[..., 0], dz[..., 0])


SMALL = ("CB:5,7",)
REAL = "SSCB:24,24,20,128"
POSITIVE = {"range": (0.25, 4.0)}
SLOPE = {"input:x": "elementwise-derivative"}
SLOPE_OR_FACTOR = {"input:x": "elementwise-derivative missing-factor"}
SLOPE_OR_TERM = {"input:x": "elementwise-derivative missing-term"}

EXPONENTIAL = right(Exponential, *SMALL, full=REAL)
LOGARITHM = right(Logarithm, *SMALL, **POSITIVE)
SQUARE_ROOT = right(SquareRoot, *SMALL, full=REAL, **POSITIVE)
SQUARE = right(Square, *SMALL)
GAUSSIAN = right(Gaussian, *SMALL, full=REAL)
SNAKE = right(Snake, "SCB:4,5,7", full=REAL)
POLYNOMIAL = right(Polynomial, *SMALL)
CORRECT = (EXPONENTIAL, LOGARITHM, SQUARE_ROOT, SQUARE, GAUSSIAN, SNAKE, POLYNOMIAL)

BUGS = (
    wrong(EXPONENTIAL, ExponentialOfInput, "dz x for dz z.", SLOPE_OR_FACTOR),
    wrong(
        EXPONENTIAL,
        ExponentialInSinglePrecision,
        "A cast to float32 that was meant for the GPU.",
        {"input:x": "rounding"},
        full=True,
        smallest=1e-9,
    ),
    wrong(
        EXPONENTIAL,
        ExponentialReversedFeatures,
        "RGB for BGR on the way back.",
        {"input:x": "flipped"},
        full=True,
    ),
    wrong(LOGARITHM, LogarithmTimesInput, "Multiplies where it should divide.", SLOPE_OR_FACTOR),
    wrong(LOGARITHM, LogarithmOfOutput, "1/z for 1/x.", SLOPE_OR_FACTOR),
    wrong(
        SQUARE_ROOT,
        SquareRootWithoutHalf,
        "The factor 1/2 is lost.",
        {"input:x": "constant-factor"},
        full=True,
    ),
    wrong(SQUARE_ROOT, SquareRootOfInput, "1/(2x) for 1/(2 sqrt x).", SLOPE_OR_FACTOR),
    wrong(SQUARE, SquareWithoutTwo, "The factor 2 is lost.", {"input:x": "constant-factor"}),
    wrong(
        SQUARE,
        SquareOfAbsolute,
        "|x| for x: the sign is lost below zero.",
        {"input:x": "wrong-region sign-flipped elementwise-derivative"},
    ),
    wrong(
        GAUSSIAN,
        GaussianWithoutInput,
        "The inner derivative x is forgotten.",
        {"input:x": "missing-factor elementwise-derivative"},
        full=True,
    ),
    wrong(GAUSSIAN, GaussianWithoutMinus, "The minus is lost.", {"input:x": "sign-flipped"}),
    wrong(SNAKE, SnakeQuotientRule, "1/a is not derived.", {"learnable:a": "missing-term"}),
    wrong(
        SNAKE,
        SnakeWithoutInput,
        "d sin(a x)/da lacks x.",
        {"learnable:a": "missing-term missing-factor"},
    ),
    wrong(SNAKE, SnakeSine, "2 sin for sin of the double angle.", SLOPE_OR_TERM),
    wrong(
        SNAKE,
        SnakeAveragesFrequencies,
        "One value for every channel.",
        {"learnable:a": "wrong-axis missing-broadcast-reduction"},
    ),
    wrong(POLYNOMIAL, PolynomialWithoutFactors, "The exponents are not brought down.", SLOPE),
    wrong(
        POLYNOMIAL,
        PolynomialFromHighest,
        "Coefficients as numpy.polyval orders them.",
        {"learnable:w": "flipped"},
    ),
    wrong(POLYNOMIAL, PolynomialOffByOne, "x^(k+1) for x^k.", {"learnable:w": "shifted"}),
    wrong(
        POLYNOMIAL,
        PolynomialFirstObservation,
        "One observation stands for the batch.",
        {"learnable:w": "wrong-region missing-sum"},
    ),
)
