"""`forward(x)` returns the output, `backward(dout)` dx, the cache is on self."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class AffineOfAnyRank(Affine):
    def backward(self, dout):
        rows = self.x.reshape(-1, self.x.shape[-1])
        drows = dout.reshape(-1, dout.shape[-1])
        self.dW = rows.T @ drows
        self.db = drows.sum(axis=0)
        return dout @ self.W.T


class AffineBatchMean(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW / len(dout)
        self.db = self.db / len(dout)
        return dx


class AffineWeightsNotTransposed(Affine):
    def backward(self, dout):
        super().backward(dout)
        return dout @ self.W


class AffineWeightGradientTransposed(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW.T
        return dx


class AffineScalarBiasGradient(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum()
        return dx


class AffineBiasGradientKeepsBatchAxis(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout
        return dx


class AffineNoBiasGradient(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = np.zeros_like(self.b)
        return dx


class AffineLastObservation(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout[-1]
        return dx


class AffineFixedAxes(AffineOfAnyRank):
    """Sums the bias gradient over the axes of another rank."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = np.full_like(self.b, np.sum(dout, axis=(0, 1)))
        return dx


class AffineForgetsBiasInEvaluation(Affine):
    def forward(self, x, train=True):
        z = super().forward(x)
        return z if train else z - self.b


class Softmax:
    def __init__(self):
        self.out = None

    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.out = e / e.sum(axis=-1, keepdims=True)
        return self.out.copy()

    def backward(self, dout):
        inner = (dout * self.out).sum(axis=-1, keepdims=True)
        return self.out * (dout - inner)


class SoftmaxDiagonal(Softmax):
    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class SoftmaxDividedByBatch(Softmax):
    def backward(self, dout):
        return super().backward(dout) / len(dout)


class SoftmaxWithoutShift(Softmax):
    def forward(self, x):
        e = np.exp(x)
        self.out = e / e.sum(axis=-1, keepdims=True)
        return self.out.copy()


class SoftmaxShiftsInPlace(Softmax):
    def forward(self, x):
        x -= x.max(axis=-1, keepdims=True)
        return super().forward(x)


class SoftmaxOverTheBatch(Softmax):
    def forward(self, x):
        return super().forward(x.T).T

    def backward(self, dout):
        return super().backward(dout.T).T


class LayerNorm:
    def __init__(self, gamma, beta, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.eps = eps
        self.dgamma = None
        self.dbeta = None

    def forward(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        self.std = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.eps)
        self.xn = centred / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xn).sum(axis=0)
        dxn = dout * self.gamma
        mean = dxn.mean(axis=-1, keepdims=True)
        along = (dxn * self.xn).mean(axis=-1, keepdims=True)
        return (dxn - mean - self.xn * along) / self.std


class LayerNormWithoutMeanTerm(LayerNorm):
    def backward(self, dout):
        super().backward(dout)
        dxn = dout * self.gamma
        along = (dxn * self.xn).mean(axis=-1, keepdims=True)
        return (dxn - self.xn * along) / self.std


class LayerNormDetachedStatistics(LayerNorm):
    def backward(self, dout):
        super().backward(dout)
        return dout * self.gamma / self.std


class LayerNormBetaGetsGammasGradient(LayerNorm):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dbeta = self.dgamma.copy()
        return dx


def _affine(units):
    return {"W": normal(6, units), "b": normal(units)}


_NORM = {"gamma": 1 + normal(6), "beta": normal(6)}
_WEIGHTS = "gradients.learnable:W gradients.learnable:b"

CORRECT = (
    right(Affine, "BC:4,6", init=_affine(3)),
    right(AffineOfAnyRank, "BTC:3,5,6", init=_affine(4)),
    right(Softmax, "BC:4,6"),
    right(Softmax, "BTC:3,5,6", name="stateful.Softmax of sequences"),
    right(LayerNorm, "BC:4,6", init=_NORM),
)

BROKEN = (
    wrong(
        AffineBatchMean,
        "BC:4,6",
        init=_affine(3),
        fails=f"{_WEIGHTS} batch.learnable_gradients_additive",
    ),
    wrong(AffineWeightsNotTransposed, "BC:4,6", init=_affine(6), fails="gradients.input:x"),
    wrong(AffineWeightGradientTransposed, "BC:4,6", init=_affine(6), fails="gradients.learnable:W"),
    wrong(AffineScalarBiasGradient, "BC:4,6", init=_affine(3), fails="shapes.gradients"),
    wrong(AffineBiasGradientKeepsBatchAxis, "BC:4,6", init=_affine(3), fails="shapes.gradients"),
    wrong(
        AffineNoBiasGradient,
        "BC:4,6",
        init=_affine(3),
        fails="gradients.learnable:b gradients.reaches_all_learnables",
    ),
    wrong(
        AffineLastObservation,
        "BC:4,6",
        init=_affine(3),
        fails="gradients.learnable:b batch.learnable_gradients_additive",
    ),
    wrong(AffineFixedAxes, "BC:4,6", init=_affine(3), fails="gradients.learnable:b"),
    wrong(
        AffineForgetsBiasInEvaluation,
        "BC:4,6",
        init=_affine(3),
        fails="shapes.forward_matches_predict",
    ),
    wrong(SoftmaxDiagonal, "BC:4,6", fails="gradients.input:x"),
    wrong(
        SoftmaxDividedByBatch,
        "BC:4,6",
        fails="gradients.input:x batch.input_gradients_independent",
    ),
    wrong(SoftmaxWithoutShift, "BC:4,6", fails="numerics.large_values"),
    wrong(
        SoftmaxShiftsInPlace,
        "BC:4,6",
        fails="purity.inputs_unchanged purity.strided_inputs",
        note="A read-only input raises.",
    ),
    wrong(
        SoftmaxOverTheBatch,
        "BC:4,6",
        fails="batch.observations_independent batch.other_batch_sizes",
    ),
    wrong(LayerNormWithoutMeanTerm, "BC:4,6", init=_NORM, fails="gradients.input:x"),
    wrong(LayerNormDetachedStatistics, "BC:4,6", init=_NORM, fails="gradients.input:x"),
    wrong(LayerNormBetaGetsGammasGradient, "BC:4,6", init=_NORM, fails="gradients.learnable:beta"),
    wrong(
        LayerNorm,
        "BC:4,6",
        init={**_NORM, "eps": 0.0},
        name="stateful.LayerNorm without eps",
        fails="numerics.zeros numerics.constant",
    ),
)
