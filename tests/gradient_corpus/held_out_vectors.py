"""Held out: layers that work on feature vectors. See `held_out`."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class FactorizationMachine:
    """z = x w + half of the sum over k of (x V)_k^2 - x^2 V^2, for rows of BC."""

    learnables = ("w", "V")

    def __init__(self):
        self.w = self.V = None

    def initialize(self, layout):
        if self.w is None:
            self.w = normal(layout.size[1])
            self.V = normal(layout.size[1], 3)

    def output_layout(self, layout):
        return f"B:{layout.size[0]}"

    def predict(self, x):
        pairs = (x @ self.V) ** 2 - x**2 @ self.V**2
        return x @ self.w + 0.5 * pairs.sum(axis=1)

    def own(self, x):
        return x * (self.V**2).sum(axis=1)

    def own_V(self, x, dz):
        return self.V * (dz @ x**2)[:, None]

    def linear(self):
        return self.w

    def backward(self, x, z, dz, memory):
        s = x @ self.V
        dx = dz[:, None] * (self.linear() + s @ self.V.T - self.own(x))
        dV = x.T @ (dz[:, None] * s) - self.own_V(x, dz)
        return dx, x.T @ dz, dV


class FactorizationMachineWithSquares(FactorizationMachine):
    def own(self, x):
        return 0


class FactorizationMachineSquaresOfV(FactorizationMachine):
    def own_V(self, x, dz):
        return 0


class FactorizationMachinePairsOnly(FactorizationMachine):
    def linear(self):
        return 0


class FactorizationMachineBatchMean(FactorizationMachine):
    def backward(self, x, z, dz, memory):
        dx, dw, dV = super().backward(x, z, dz, memory)
        return dx, dw / len(x), dV / len(x)


class RadialBasis:
    """z_k = exp(-|x - c_k|^2 s_k) for columns of CB."""

    learnables = ("c", "s")

    def __init__(self):
        self.c = self.s = None

    def initialize(self, layout):
        if self.c is None:
            self.c = normal(4, layout.size[0])
            self.s = np.linspace(0.1, 0.4, 4)

    def output_layout(self, layout):
        return layout.with_size("C", 4)

    def apart(self, x):
        return x[None] - self.c[:, :, None]

    def predict(self, x):
        return np.exp(-(self.apart(x) ** 2).sum(axis=1) * self.s[:, None])

    def towards(self, dz, z, x):
        return (2 * dz * z * self.s[:, None])[:, None] * self.apart(x)

    def ds(self, dz, z, x):
        return -(dz * z * (self.apart(x) ** 2).sum(axis=1)).sum(axis=1)

    def backward(self, x, z, dz, memory):
        dc = self.towards(dz, z, x)
        return -dc.sum(axis=0), dc.sum(axis=2), self.ds(dz, z, x)


class RadialBasisSameSign(RadialBasis):
    def backward(self, x, z, dz, memory):
        dx, dc, ds = super().backward(x, z, dz, memory)
        return dx, -dc, ds


class RadialBasisWithoutTwo(RadialBasis):
    def towards(self, dz, z, x):
        return 0.5 * super().towards(dz, z, x)


class RadialBasisWithoutOutput(RadialBasis):
    def ds(self, dz, z, x):
        return super().ds(dz, np.ones_like(z), x)


class RadialBasisLastCentre(RadialBasis):
    def backward(self, x, z, dz, memory):
        _, dc, ds = super().backward(x, z, dz, memory)
        return -self.towards(dz, z, x)[-1], dc, ds


class Sparsemax:
    """The nearest point of the simplex along C of CB."""

    def predict(self, x):
        order = -np.sort(-x, axis=0)
        counts = np.arange(1, len(x) + 1)[:, None].astype(x.dtype)
        sums = np.cumsum(order, axis=0)
        kept = (1 + counts * order > sums).sum(axis=0, keepdims=True)
        threshold = (np.take_along_axis(sums, kept - 1, axis=0) - 1) / kept.astype(x.dtype)
        return np.maximum(x - threshold, 0)

    def count(self, support):
        return support.sum(axis=0, keepdims=True).astype(float)

    def backward(self, x, z, dz, memory):
        support = z > 0
        total = (dz * support).sum(axis=0, keepdims=True)
        return (support * (dz - total / self.count(support))).astype(x.dtype)


class SparsemaxEveryFeature(Sparsemax):
    def count(self, support):
        return float(len(support))


class SparsemaxMaskOnly(Sparsemax):
    def backward(self, x, z, dz, memory):
        return dz * (z > 0)


class SparsemaxAsSoftmax(Sparsemax):
    def backward(self, x, z, dz, memory):
        return z * (dz - (z * dz).sum(axis=0, keepdims=True))


ROWS = ("BC:7,5",)
COLUMNS = ("CB:5,7",)

X, C, S, G, V, w = (
    "input:x",
    "learnable:c",
    "learnable:s",
    "learnable:g",
    "learnable:v",
    "learnable:w",
)
MACHINE = right(FactorizationMachine, *ROWS)
BASIS = right(RadialBasis, *COLUMNS)
SIMPLEX = right(Sparsemax, *COLUMNS)
CORRECT = (
    MACHINE,
    BASIS,
    SIMPLEX,
)

BUGS = (
    wrong(
        MACHINE,
        FactorizationMachineWithSquares,
        "The squares are not taken off again.",
        {X: "missing-term"},
    ),
    wrong(
        MACHINE,
        FactorizationMachineSquaresOfV,
        "The squares are not taken off for V.",
        {"learnable:V": "missing-term"},
    ),
    wrong(MACHINE, FactorizationMachinePairsOnly, "w is missing.", {X: "missing-term"}),
    wrong(
        MACHINE,
        FactorizationMachineBatchMean,
        "Averages over the batch.",
        {w: "mean-instead-of-sum", "learnable:V": "mean-instead-of-sum"},
    ),
    wrong(BASIS, RadialBasisSameSign, "x - c for c - x.", {C: "sign-flipped"}),
    wrong(
        BASIS,
        RadialBasisWithoutTwo,
        "The 2 of the square is lost.",
        {X: "constant-factor", C: "constant-factor"},
    ),
    wrong(BASIS, RadialBasisWithoutOutput, "z is missing.", {S: "missing-factor"}),
    wrong(
        BASIS,
        RadialBasisLastCentre,
        "= for += over the centres.",
        {X: "missing-sum wrong-region missing-term"},
    ),
    wrong(
        SIMPLEX,
        SparsemaxEveryFeature,
        "Averages over all features, not over the support.",
        {X: "missing-term wrong-region"},
    ),
    wrong(SIMPLEX, SparsemaxMaskOnly, "The mean is not taken off.", {X: "missing-term"}),
    wrong(
        SIMPLEX,
        SparsemaxAsSoftmax,
        "The softmax's backward.",
        {X: "missing-term missing-factor"},
    ),
)
