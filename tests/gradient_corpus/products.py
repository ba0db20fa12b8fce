"""Layers that multiply: two inputs, gates and halves of one input."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong
from tests.gradient_corpus.smooth import sigmoid


class Bilinear:
    """z_k = x' W_k y for two inputs CB."""

    learnables = ("W",)

    def __init__(self):
        self.W = None

    def initialize(self, x, y):
        if self.W is None:
            self.W = normal(3, x.size[0], y.size[0])

    def predict(self, x, y):
        return np.einsum("kij,ib,jb->kb", self.W, x, y, optimize=True)

    def backward(self, x, y, z, dz, memory):
        dx = np.einsum("kij,kb,jb->ib", self.W, dz, y, optimize=True)
        dy = np.einsum("kij,kb,ib->jb", self.W, dz, x, optimize=True)
        return dx, dy, np.einsum("kb,ib,jb->kij", dz, x, y, optimize=True)


class BilinearSwapped(Bilinear):
    def backward(self, x, y, z, dz, memory):
        dx, dy, dW = super().backward(x, y, z, dz, memory)
        return dy, dx, dW


class BilinearDetachesSecond(Bilinear):
    def backward(self, x, y, z, dz, memory):
        dx, dy, dW = super().backward(x, y, z, dz, memory)
        return dx, np.zeros_like(dy), dW


class BilinearTransposedWeights(Bilinear):
    def backward(self, x, y, z, dz, memory):
        dx, dy, dW = super().backward(x, y, z, dz, memory)
        return dx, dy, dW.transpose(0, 2, 1).copy()


class BilinearBatchMean(Bilinear):
    def backward(self, x, y, z, dz, memory):
        dx, dy, dW = super().backward(x, y, z, dz, memory)
        return dx, dy, dW / x.shape[1]


class OuterProduct:
    """z_ij = x_i y_j for each observation."""

    def predict(self, x, y):
        return x[:, None] * y[None]

    def output_layout(self, x, y):
        return f"UCB:{x.size[0]},{y.size[0]},{x.size[1]}"

    def backward(self, x, y, z, dz, memory):
        return (dz * y[None]).sum(axis=1), (dz * x[:, None]).sum(axis=0)


class OuterProductMean(OuterProduct):
    def backward(self, x, y, z, dz, memory):
        dx, dy = super().backward(x, y, z, dz, memory)
        return dx / len(y), dy


class OuterProductDiagonal(OuterProduct):
    def backward(self, x, y, z, dz, memory):
        dx, _ = super().backward(x, y, z, dz, memory)
        return dx, dz[0] * x[:1]


class GLU:
    """The first half of the channels times the sigmoid of the second."""

    def predict(self, x):
        a, b = np.split(x, 2, axis=0)
        return a * sigmoid(b)

    def output_layout(self, layout):
        return layout.with_size("C", layout.size[0] // 2)

    def halves(self, a, s, dz):
        return dz * s, dz * a * s * (1 - s)

    def backward(self, x, z, dz, memory):
        a, b = np.split(x, 2, axis=0)
        return np.concatenate(self.halves(a, sigmoid(b), dz), axis=0)


class GLUHalvesSwapped(GLU):
    def halves(self, a, s, dz):
        return super().halves(a, s, dz)[::-1]


class GLUGateDetached(GLU):
    def halves(self, a, s, dz):
        return dz * s, np.zeros_like(dz)


class GLUGateWithoutOneMinus(GLU):
    def halves(self, a, s, dz):
        return dz * s, dz * a * s


class GLUGateWithoutValue(GLU):
    def halves(self, a, s, dz):
        return dz * s, dz * s * (1 - s)


TWO = ("CB:5,7", "CB:5,7")
X, Y = "input:x", "input:y"
BILINEAR = right(Bilinear, *TWO, full=("CB:40,128", "CB:40,128"))
OUTER = right(OuterProduct, "CB:5,7", "CB:4,7")
GATED = right(GLU, "CB:6,7", full="CB:240,512")
CORRECT = (
    BILINEAR,
    OUTER,
    GATED,
)

BUGS = (
    wrong(
        BILINEAR,
        BilinearSwapped,
        "dy comes first.",
        {X: "swapped-with", Y: "swapped-with"},
        full=True,
    ),
    wrong(BILINEAR, BilinearDetachesSecond, "y is a constant.", {Y: "zero-gradient"}, full=True),
    wrong(
        BILINEAR,
        BilinearTransposedWeights,
        "y x' for x y'.",
        {"learnable:W": "transposed"},
        full=True,
    ),
    wrong(
        BILINEAR,
        BilinearBatchMean,
        "Averages over the batch.",
        {"learnable:W": "mean-instead-of-sum"},
    ),
    wrong(OUTER, OuterProductMean, "mean for sum.", {X: "mean-instead-of-sum constant-factor"}),
    wrong(
        OUTER,
        OuterProductDiagonal,
        "The sum over x is missing; the first row has the right shape.",
        {Y: "missing-sum wrong-region"},
    ),
    wrong(
        GATED,
        GLUHalvesSwapped,
        "The halves are put together the wrong way round.",
        {X: "shifted permuted flipped"},
    ),
    wrong(
        GATED,
        GLUGateDetached,
        "Product rule: the gate is a constant.",
        {X: "wrong-region missing-term"},
    ),
    wrong(
        GATED,
        GLUGateWithoutOneMinus,
        "s for s (1 - s).",
        {X: "wrong-region missing-factor elementwise-derivative"},
    ),
    wrong(
        GATED,
        GLUGateWithoutValue,
        "The gated value is missing.",
        {X: "wrong-region missing-factor elementwise-derivative"},
    ),
)
