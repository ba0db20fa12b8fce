"""Values, outputs and gradients that are very small, very large, or zero for a good reason."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong
from tests.gradient_corpus.smooth import Activation


class Microscope(Activation):
    """A millionth of x^2: gradients are small, and still have to be right."""

    def function(self, x):
        return 1e-6 * x**2

    def slope(self, x, z):
        return 2e-6 * x


class MicroscopeTenthMore(Microscope):
    def slope(self, x, z):
        return 2.2e-6 * x


class MicroscopeOneElement(Microscope):
    def backward(self, x, z, dz, memory):
        dx = super().backward(x, z, dz, memory)
        dx.flat[7] *= 1.001
        return dx


class MicroscopeDetached(Microscope):
    def slope(self, x, z):
        return np.zeros_like(x)


class Telescope(Activation):
    """A million times sin x."""

    def function(self, x):
        return 1e6 * np.sin(x)

    def slope(self, x, z):
        return 1e6 * np.cos(x)


class TelescopeMinusThree(Telescope):
    def slope(self, x, z):
        return -3e6 * np.cos(x)


class TelescopeWithoutScale(Telescope):
    def slope(self, x, z):
        return np.cos(x)


class FarAway(Activation):
    """cos of x around 1e9, in units of 1e9."""

    def function(self, x):
        return np.cos(1e-9 * x)

    def slope(self, x, z):
        return -1e-9 * np.sin(1e-9 * x)


class FarAwayWithoutUnit(FarAway):
    def slope(self, x, z):
        return -np.sin(1e-9 * x)


class CloseBy(Activation):
    """x^2 of x around 1e-7."""

    def function(self, x):
        return x**2

    def slope(self, x, z):
        return 2 * x


class CloseByCutOff(CloseBy):
    """Takes what is small for zero."""

    def slope(self, x, z):
        return np.where(np.abs(x) < 1e-6, 0, 2 * x)


class Cube(Activation):
    """x^3: flat at zero, and no kink."""

    def function(self, x):
        return x**3

    def slope(self, x, z):
        return 3 * x**2


class CubeOfAbsolute(Cube):
    def slope(self, x, z):
        return 3 * x * np.abs(x)


class SumOfSoftmax:
    """The sum of a softmax over C of CB: always 1, so that its gradient is 0."""

    def predict(self, x):
        e = np.exp(x - x.max(axis=0))
        return (e / e.sum(axis=0)).sum(axis=0)

    def output_layout(self, layout):
        return f"B:{layout.size[1]}"

    def backward(self, x, z, dz, memory):
        return np.zeros_like(x)


class SumOfSoftmaxDiagonal(SumOfSoftmax):
    """p (1 - p), which does not add up to zero."""

    def backward(self, x, z, dz, memory):
        e = np.exp(x - x.max(axis=0))
        p = e / e.sum(axis=0)
        return dz * p * (1 - p)


SMALL = ("CB:5,7",)
X = "input:x"

MICRO = right(Microscope, *SMALL, full="SSCB:24,24,20,128")
TELE = right(Telescope, *SMALL)
FAR = right(FarAway, *SMALL, range=(0.6e9, 2.4e9))
CLOSE = right(CloseBy, *SMALL, range=(-3e-7, 3e-7))
CUBE = right(Cube, *SMALL)
ONE = right(SumOfSoftmax, *SMALL)
CORRECT = (MICRO, TELE, FAR, CLOSE, CUBE, ONE)

BUGS = (
    wrong(MICRO, MicroscopeTenthMore, "A tenth too much.", {X: "constant-factor"}),
    wrong(
        MICRO,
        MicroscopeOneElement,
        "One element by 0.1 %, of a small gradient.",
        {X: "wrong-region"},
        full=True,
    ),
    wrong(
        MICRO, MicroscopeDetached, "Too small to matter, somebody thought.", {X: "zero-gradient"}
    ),
    wrong(TELE, TelescopeMinusThree, "-3 times the gradient.", {X: "constant-factor"}),
    wrong(TELE, TelescopeWithoutScale, "The scale is lost.", {X: "constant-factor"}),
    wrong(FAR, FarAwayWithoutUnit, "The inner derivative is lost.", {X: "constant-factor"}),
    wrong(
        CLOSE,
        CloseByCutOff,
        "A threshold of 1e-6 for zero.",
        {X: "zero-gradient wrong-region"},
    ),
    wrong(
        CUBE,
        CubeOfAbsolute,
        "The sign comes back below zero.",
        {X: "wrong-region sign-flipped elementwise-derivative"},
    ),
    wrong(
        ONE,
        SumOfSoftmaxDiagonal,
        "p (1 - p) where the sum of a whole row is 0.",
        {X: "missing-term"},
    ),
)
