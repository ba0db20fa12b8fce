"""Dense layers: weights on the channels, at any layout."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class Dense:
    """z = W x + b along C, the same for every other axis."""

    learnables = ("W", "b")
    units = 3

    def __init__(self):
        self.W = None
        self.b = None

    def initialize(self, layout):
        self.axis = layout.find("C")
        if self.W is None:
            channels = layout.size[self.axis]
            self.W = normal(self.units or channels, channels)
            self.b = normal(self.units or channels)

    def output_layout(self, layout):
        return layout.with_size("C", len(self.b))

    def predict(self, x):
        return np.moveaxis(np.moveaxis(x, self.axis, -1) @ self.W.T + self.b, -1, self.axis)

    def dx(self, dz):
        return np.moveaxis(np.moveaxis(dz, self.axis, -1) @ self.W, -1, self.axis)

    def dW(self, x, dz):
        rows = np.moveaxis(x, self.axis, -1).reshape(-1, self.W.shape[1])
        return np.moveaxis(dz, self.axis, -1).reshape(-1, self.W.shape[0]).T @ rows

    def db(self, dz):
        return np.moveaxis(dz, self.axis, -1).reshape(-1, len(self.b)).sum(axis=0)

    def backward(self, x, z, dz, memory):
        return self.dx(dz), self.dW(x, dz), self.db(dz)


class DenseMeanWeights(Dense):
    def dW(self, x, dz):
        return super().dW(x, dz) / x.shape[-1]


class DenseMeanBias(Dense):
    def db(self, dz):
        return super().db(dz) / dz.shape[-1]


class DenseFirstObservation(Dense):
    def dW(self, x, dz):
        return super().dW(x[..., :1], dz[..., :1])


class DenseScalarBias(Dense):
    def db(self, dz):
        return np.full_like(self.b, dz.sum())


class DenseWithoutBiasGradient(Dense):
    def db(self, dz):
        return np.zeros_like(self.b)


class DenseDecay(Dense):
    def dW(self, x, dz):
        return super().dW(x, dz) + 0.1 * self.W


class DenseMeanUpstream(Dense):
    def dx(self, dz):
        return super().dx(np.zeros_like(dz) + dz.mean(axis=-1, keepdims=True))


class DenseScaledUpstream(Dense):
    def dx(self, dz):
        return super().dx(dz) / dz.shape[-1]


class DenseRolledWeights(Dense):
    def dW(self, x, dz):
        return np.roll(super().dW(x, dz), 1, axis=0)


class DenseInHalfPrecision(Dense):
    def dW(self, x, dz):
        return super().dW(x, dz).astype(np.float16).astype(x.dtype)


class DenseInSinglePrecision(Dense):
    def dx(self, dz):
        return super().dx(dz).astype(np.float32).astype(dz.dtype)


class DenseUpdates(Dense):
    """Takes a step of gradient descent on the way."""

    def backward(self, x, z, dz, memory):
        dx, dW, db = super().backward(x, z, dz, memory)
        self.W -= 0.01 * dW
        return dx, dW, db


class SquareDense(Dense):
    """As many units as channels."""

    units = None


class SquareDenseNotTransposed(SquareDense):
    def dx(self, dz):
        return np.moveaxis(np.moveaxis(dz, self.axis, -1) @ self.W.T, -1, self.axis)


class SquareDenseTransposedGradient(SquareDense):
    def dW(self, x, dz):
        return super().dW(x, dz).T.copy()


class SquareDenseOfOutput(SquareDense):
    def backward(self, x, z, dz, memory):
        return self.dx(dz), self.dW(z, dz), self.db(dz)


class SquareDensePassesUpstream(SquareDense):
    def dx(self, dz):
        return dz.copy()


class TensorReduction:
    """z_k = x' W_k x along C: a quadratic form for each of three units."""

    learnables = ("W",)

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            channels = layout.size[layout.find("C")]
            self.W = normal(3, channels, channels)

    def predict(self, x):
        return np.einsum("kij,ib,jb->kb", self.W, x, x, optimize=True)

    def dx(self, x, dz):
        both = self.W + self.W.transpose(0, 2, 1)
        return np.einsum("kij,kb,jb->ib", both, dz, x, optimize=True)

    def backward(self, x, z, dz, memory):
        return self.dx(x, dz), np.einsum("kb,ib,jb->kij", dz, x, x, optimize=True)


class TensorReductionOneSide(TensorReduction):
    def dx(self, x, dz):
        return np.einsum("kij,kb,jb->ib", self.W, dz, x, optimize=True)


class TensorReductionSymmetric(TensorReduction):
    def dx(self, x, dz):
        return 2 * np.einsum("kij,kb,jb->ib", self.W, dz, x, optimize=True)


class TensorReductionOneInput(TensorReduction):
    def backward(self, x, z, dz, memory):
        dW = np.einsum("kb,ib->ki", dz, x)[:, :, None]
        return self.dx(x, dz), np.broadcast_to(dW, self.W.shape).copy()


IMAGES = ("SCB:4,5,7",)
REAL = "SSCB:24,24,20,128"
X, W, B = "input:x", "learnable:W", "learnable:b"

DENSE = right(Dense, *IMAGES, full=REAL)
SQUARE = right(SquareDense, "CB:5,7", full=REAL)
REDUCTION = right(TensorReduction, "CB:5,7")
CORRECT = (DENSE, SQUARE, REDUCTION)

BUGS = (
    wrong(DENSE, DenseMeanWeights, "Averages over the batch.", {W: "mean-instead-of-sum"}),
    wrong(DENSE, DenseMeanBias, "Averages over the batch.", {B: "mean-instead-of-sum"}),
    wrong(
        DENSE,
        DenseFirstObservation,
        "Written for one observation.",
        {W: "missing-sum wrong-region"},
        full=True,
    ),
    wrong(
        DENSE,
        DenseScalarBias,
        "np.sum without an axis; the bias broadcasts.",
        {B: "wrong-axis missing-broadcast-reduction"},
    ),
    wrong(
        DENSE,
        DenseWithoutBiasGradient,
        "The bias is never trained.",
        {B: "zero-gradient"},
        also="reaches_all_learnables",
    ),
    wrong(
        DENSE,
        DenseDecay,
        "Weight decay is added in backward.",
        {W: "upstream-nonlinear missing-upstream-gradient missing-term"},
        also="linear_in_upstream",
        full=True,
    ),
    wrong(
        DENSE,
        DenseMeanUpstream,
        "The batch mean of dz goes back to every observation.",
        {X: "batch-leak wrong-axis mean-instead-of-sum"},
        full=True,
    ),
    wrong(
        DENSE,
        DenseScaledUpstream,
        "dx is averaged like the weights.",
        {X: "mean-instead-of-sum"},
        full=True,
    ),
    wrong(DENSE, DenseRolledWeights, "Off by one unit.", {W: "shifted"}, full=True),
    wrong(
        DENSE, DenseInHalfPrecision, "A float16 buffer.", {W: "rounding"}, may="linear_in_upstream"
    ),
    wrong(
        DENSE,
        DenseInSinglePrecision,
        "A float32 buffer.",
        {X: "rounding"},
        may="linear_in_upstream",
        smallest=1e-9,
    ),
    wrong(
        DENSE,
        DenseUpdates,
        "The optimizer's step sits in backward.",
        {"purity.learnables_unchanged": "updates-learnables-in-backward"},
        also="repeatable",
        full=True,
    ),
    wrong(SQUARE, SquareDenseNotTransposed, "W dz for W' dz.", {X: "transposed"}, full=True),
    wrong(SQUARE, SquareDenseTransposedGradient, "x dz' for dz x'.", {W: "transposed"}),
    wrong(
        SQUARE,
        SquareDenseOfOutput,
        "The cache holds the output.",
        {W: "missing-factor"},
    ),
    wrong(
        SQUARE,
        SquareDensePassesUpstream,
        "dz is handed through; the shapes agree.",
        {X: "missing-factor"},
        full=True,
    ),
    wrong(
        REDUCTION,
        TensorReductionOneSide,
        "Product rule: the second x is missing.",
        {X: "missing-term"},
    ),
    wrong(
        REDUCTION,
        TensorReductionSymmetric,
        "Takes W for symmetric.",
        {X: "missing-term transposed"},
    ),
    wrong(REDUCTION, TensorReductionOneInput, "Only one x is there.", {W: "missing-factor"}),
)
