"""Attention: masked, with several heads, additive; and learnt positions."""

from __future__ import annotations

import math

import numpy as np

from tests.gradient_corpus.entry import normal
from tests.gradient_corpus.softmaxes import softmax


class Attention:
    """Causal attention of q, k, v, each BTC: no step sees a later one."""

    def predict(self, q, k, v):
        return self.forward(q, k, v)[0]

    def forward(self, q, k, v):
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[2])
        later = np.triu(np.ones(scores.shape[1:], bool), 1)
        p = softmax(np.where(later, -np.inf, scores), axis=2)
        return p @ v, p

    def dv(self, p, v, dz):
        return p.transpose(0, 2, 1) @ dz

    def scores(self, p, dp):
        return p * (dp - (p * dp).sum(axis=2, keepdims=True))

    def scale(self, q):
        return 1 / math.sqrt(q.shape[2])

    def backward(self, q, k, v, z, dz, p):
        ds = self.scores(p, dz @ v.transpose(0, 2, 1)) * self.scale(q)
        return ds @ k, ds.transpose(0, 2, 1) @ q, self.dv(p, v, dz)


class AttentionWithoutScale(Attention):
    def scale(self, q):
        return 1.0


class AttentionScaleNotRooted(Attention):
    def scale(self, q):
        return 1 / q.shape[2]


class AttentionSwapped(Attention):
    def backward(self, q, k, v, z, dz, p):
        dq, dk, dv = super().backward(q, k, v, z, dz, p)
        return dk, dq, dv


class AttentionValuesNotTransposed(Attention):
    def dv(self, p, v, dz):
        return p @ dz


class AttentionValuesDetached(Attention):
    def dv(self, p, v, dz):
        return np.zeros_like(v)


class AttentionSoftmaxDiagonal(Attention):
    def scores(self, p, dp):
        return p * (1 - p) * dp


class AttentionWithoutSoftmax(Attention):
    def scores(self, p, dp):
        return dp


class AttentionKeysNotTransposed(Attention):
    def backward(self, q, k, v, z, dz, p):
        dq, _, dv = super().backward(q, k, v, z, dz, p)
        ds = self.scores(p, dz @ v.transpose(0, 2, 1)) * self.scale(q)
        return dq, ds @ q, dv


class MultiHead:
    """Self-attention of x, BTC, with two heads and an output projection."""

    learnables = ("Wq", "Wk", "Wv", "Wo")
    heads = 2

    def __init__(self):
        self.Wq = self.Wk = self.Wv = self.Wo = None

    def initialize(self, layout):
        if self.Wq is None:
            channels = layout.size[2]
            square = normal(4, channels, channels)
            self.Wq, self.Wk, self.Wv, self.Wo = (matrix.copy() for matrix in square)

    def split(self, x):
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(0, 2, 1, 3)

    def merge(self, x):
        return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        q, k, v = (self.split(x @ W) for W in (self.Wq, self.Wk, self.Wv))
        p = softmax(q @ k.swapaxes(2, 3) / math.sqrt(q.shape[3]), axis=3)
        o = self.merge(p @ v)
        return o @ self.Wo, (q, k, v, p, o)

    def paths(self, dq, dk, dv):
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T

    def weights(self, x, dz):
        return np.einsum("bti,btj->ij", x, dz, optimize=True)

    def backward(self, x, z, dz, memory):
        q, k, v, p, o = memory
        do = self.split(dz @ self.Wo.T)
        dp = do @ v.swapaxes(2, 3)
        ds = p * (dp - (p * dp).sum(axis=3, keepdims=True)) / math.sqrt(q.shape[3])
        dq, dk, dv = (self.merge(d) for d in (ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do))
        learnables = (self.weights(x, d) for d in (dq, dk, dv))
        return self.paths(dq, dk, dv), *learnables, self.weights(o, dz)


class MultiHeadQueriesOnly(MultiHead):
    def paths(self, dq, dk, dv):
        return dq @ self.Wq.T


class MultiHeadValuesMissing(MultiHead):
    def paths(self, dq, dk, dv):
        return dq @ self.Wq.T + dk @ self.Wk.T


class MultiHeadSwapsWeights(MultiHead):
    def backward(self, x, z, dz, memory):
        dx, dWq, dWk, dWv, dWo = super().backward(x, z, dz, memory)
        return dx, dWk, dWq, dWv, dWo


class MultiHeadOutputOfInput(MultiHead):
    def backward(self, x, z, dz, memory):
        *others, _ = super().backward(x, z, dz, memory)
        return *others, self.weights(x, dz)


class MultiHeadFirstObservation(MultiHead):
    def weights(self, x, dz):
        return x[0].T @ dz[0]


class AdditiveAttention:
    """The mean of x, BTC, weighted by softmax(tanh(x W) u) over T."""

    learnables = ("W", "u")

    def __init__(self):
        self.W = None
        self.u = None

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(layout.size[2], 4)
            self.u = 2 * normal(4)

    def predict(self, x):
        return self.forward(x)[0]

    def output_layout(self, layout):
        return f"BC:{layout.size[0]},{layout.size[2]}"

    def forward(self, x):
        h = np.tanh(x @ self.W)
        p = softmax(h @ self.u, axis=1)
        return np.einsum("bt,btc->bc", p, x), (h, p)

    def values(self, p, dz):
        return p[..., None] * dz[:, None]

    def da(self, h, ds):
        return ds[..., None] * self.u * (1 - h**2)

    def backward(self, x, z, dz, memory):
        h, p = memory
        dp = np.einsum("bc,btc->bt", dz, x)
        ds = p * (dp - (p * dp).sum(axis=1, keepdims=True))
        da = self.da(h, ds)
        dW = np.einsum("btc,btk->ck", x, da, optimize=True)
        du = np.einsum("bt,btk->k", ds, h)
        return self.values(p, dz) + da @ self.W.T, dW, du


class AdditiveAttentionFixedWeights(AdditiveAttention):
    def backward(self, x, z, dz, memory):
        _, dW, du = super().backward(x, z, dz, memory)
        return self.values(memory[1], dz), dW, du


class AdditiveAttentionFixedValues(AdditiveAttention):
    def values(self, p, dz):
        return 0 * dz[:, None]


class AdditiveAttentionWithoutTanh(AdditiveAttention):
    def da(self, h, ds):
        return ds[..., None] * self.u + 0 * h


class Positions:
    """x of BTC plus a learnt vector for each step."""

    learnables = ("P",)

    def __init__(self):
        self.P = None

    def initialize(self, layout):
        if self.P is None:
            self.P = normal(*layout.size[1:])

    def predict(self, x):
        return x + self.P[: x.shape[1]]

    def backward(self, x, z, dz, memory):
        dP = np.zeros_like(self.P)
        dP[: x.shape[1]] = self.total(dz)
        return dz.copy(), dP

    def total(self, dz):
        return dz.sum(axis=0)


class PositionsMean(Positions):
    def total(self, dz):
        return dz.mean(axis=0)


class PositionsOneStepLate(Positions):
    def total(self, dz):
        return np.roll(dz.sum(axis=0), 1, axis=0)


class PositionsSumSteps(Positions):
    def total(self, dz):
        return np.zeros_like(dz[0]) + dz.sum(axis=(0, 1))
