"""Layers for the benchmarks: right, written as for speed, at layouts of 1.5 million elements."""

from __future__ import annotations

import math

import numpy as np

from examples.prelu import PReLU
from tests.gradient_corpus.convolution import Conv2D

IMAGES = "SSCB:24,24,20,128"


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape) / math.sqrt(shape[-1])


class GELU:
    slope = math.sqrt(2 / math.pi)

    def predict(self, x):
        return 0.5 * x * (1 + np.tanh(self.slope * (x + 0.044715 * x**3)))

    def backward(self, x, z, dz, memory):
        t = np.tanh(self.slope * (x + 0.044715 * x**3))
        inner = self.slope * (1 + 3 * 0.044715 * x**2)
        return dz * 0.5 * (1 + t + x * (1 - t**2) * inner)


class Dense:
    """All elements of an observation to ten units."""

    learnables = ("W", "b")

    def __init__(self):
        self.W = self.b = None

    def initialize(self, layout):
        if self.W is None:
            self.W, self.b = normal(10, math.prod(layout.size[:-1])), normal(10, 1)

    def output_layout(self, layout):
        return f"CB:10,{layout.size[-1]}"

    def flat(self, x):
        return x.reshape(-1, x.shape[-1])

    def predict(self, x):
        return self.W @ self.flat(x) + self.b

    def backward(self, x, z, dz, memory):
        dx = (self.W.T @ dz).reshape(x.shape)
        return dx, dz @ self.flat(x).T, dz.sum(axis=1, keepdims=True)


class Conv(Conv2D):
    kernel = (3, 3)
    units = 20


class Softmax:
    def predict(self, x):
        e = np.exp(x - x.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)

    def backward(self, x, z, dz, memory):
        return z * (dz - (z * dz).sum(axis=2, keepdims=True))


class BatchNorm:
    """Normalises over everything but the channels."""

    learnables = ("gamma", "beta")
    axes = (0, 1, 3)

    def __init__(self):
        self.gamma = self.beta = None

    def initialize(self, layout):
        if self.gamma is None:
            shape = layout.along("C", np.ones(layout.size[2])).shape
            self.gamma, self.beta = normal(*shape) + 1, normal(*shape)

    def forward(self, x):
        mean = x.mean(axis=self.axes, keepdims=True)
        centred = x - mean
        std = np.sqrt((centred**2).mean(axis=self.axes, keepdims=True) + 1e-5)
        centred /= std
        return self.gamma * centred + self.beta, (centred, std)

    def predict(self, x):
        return self.forward(x)[0]

    def backward(self, x, z, dz, memory):
        h, std = memory
        over = (0, 1, 3)
        dh = dz * self.gamma
        mean = dh.mean(axis=self.axes, keepdims=True)
        slope = (dh * h).mean(axis=self.axes, keepdims=True)
        dgamma = (dz * h).sum(axis=over, keepdims=True)
        return (dh - mean - h * slope) / std, dgamma, dz.sum(axis=over, keepdims=True)


class LayerNorm(BatchNorm):
    """Normalises over the channels."""

    axes = (2,)


class MaxPool:
    """Windows of two by two, without overlap."""

    def output_layout(self, layout):
        h, w, c, b = layout.size
        return f"SSCB:{h // 2},{w // 2},{c},{b}"

    def tiles(self, x):
        h, w, *rest = x.shape
        return x.reshape(h // 2, 2, w // 2, 2, *rest)

    def predict(self, x):
        return self.tiles(x).max(axis=(1, 3))

    def backward(self, x, z, dz, memory):
        tiles = self.tiles(x)
        dx, left = np.zeros(tiles.shape), dz.copy()
        for i, j in np.ndindex(2, 2):  # the first of equal ones takes it all
            dx[:, i, :, j] = np.where(tiles[:, i, :, j] == z, left, 0)
            left[tiles[:, i, :, j] == z] = 0
        return dx.reshape(x.shape)


class HalfSpectrum:
    """The real Fourier transform along the first axis."""

    def output_layout(self, layout):
        n, *rest = layout.size
        return f"SSCB:{n // 2 + 1},{','.join(map(str, rest))}"

    def predict(self, x):
        return np.fft.rfft(x, axis=0)

    def backward(self, x, z, dz, memory):
        full = np.zeros(x.shape, complex)
        full[: dz.shape[0]] = dz
        return np.fft.fft(np.conj(full), axis=0).real


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


class LSTM:
    """One step; x, h and c are CB."""

    learnables = ("W", "R", "b")
    output_names = ("hn", "cn")

    def __init__(self):
        self.W = self.R = self.b = None

    def initialize(self, layout, *others):
        if self.W is None:
            n = layout.size[0]
            self.W, self.R, self.b = normal(4 * n, n), normal(4 * n, n), normal(4 * n, 1)

    def output_layout(self, layout, *others):
        return layout, layout

    def gates(self, x, h, c):
        i, f, g, o = np.split(self.W @ x + self.R @ h + self.b, 4)
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def forward(self, x, h, c):
        i, f, g, o = self.gates(x, h, c)
        new = f * c + i * g
        return o * np.tanh(new), new, (i, f, g, o)

    def predict(self, x, h, c):
        return self.forward(x, h, c)[:2]

    def backward(self, x, h, c, hn, cn, dh, dc, memory):
        i, f, g, o = memory
        t = np.tanh(cn)
        dc = dc + dh * o * (1 - t**2)
        gates = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2))
        da = np.concatenate([*gates, dh * t * o * (1 - o)])
        return self.W.T @ da, self.R.T @ da, dc * f, da @ x.T, da @ h.T, da.sum(1, keepdims=True)


class SelfAttention:
    """One head over CTB; Q, K and V are learnt."""

    learnables = ("Q", "K", "V")

    def __init__(self):
        self.Q = self.K = self.V = None

    def initialize(self, layout):
        if self.Q is None:
            n = layout.size[0]
            self.Q, self.K, self.V = normal(n, n), normal(n, n) * 1.25, normal(n, n) * 0.75

    def forward(self, x):
        x = np.ascontiguousarray(x.transpose(2, 0, 1))
        q, k, v = self.Q @ x, self.K @ x, self.V @ x
        e = k.transpose(0, 2, 1) @ q / math.sqrt(x.shape[1])
        e = np.exp(e - e.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return (v @ p).transpose(1, 2, 0), (x, q, k, v, p)

    def predict(self, x):
        return self.forward(x)[0]

    def backward(self, x, z, dz, memory):
        x, q, k, v, p = memory
        dz = np.ascontiguousarray(dz.transpose(2, 0, 1))
        dp = v.transpose(0, 2, 1) @ dz
        de = p * (dp - (p * dp).sum(axis=1, keepdims=True)) / math.sqrt(x.shape[1])
        dq, dk, dv = k @ de, q @ de.transpose(0, 2, 1), dz @ p.transpose(0, 2, 1)
        dx = self.Q.T @ dq + self.K.T @ dk + self.V.T @ dv
        dweights = ((d @ x.transpose(0, 2, 1)).sum(axis=0) for d in (dq, dk, dv))
        return dx.transpose(1, 2, 0), *dweights


LAYERS = {
    "PReLU": (PReLU, IMAGES),
    "GELU": (GELU, IMAGES),
    "dense": (Dense, IMAGES),
    "convolution": (Conv, IMAGES),
    "softmax": (Softmax, IMAGES),
    "batch norm": (BatchNorm, IMAGES),
    "layer norm": (LayerNorm, IMAGES),
    "LSTM step": (LSTM, *(f"{name}=CB:240,6144" for name in "xhc")),
    "max pooling": (MaxPool, IMAGES),
    "half spectrum": (HalfSpectrum, IMAGES),
    "attention": (SelfAttention, "CTB:64,180,128"),
}
