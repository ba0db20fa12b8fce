"""Layers that use CuPy, right and fit for a GPU. All take BC:6,4."""

from __future__ import annotations

import cupy
import cupy as cp
import cupyx
import numpy as np


class Dense:
    learnables = ("W", "b")

    def __init__(self):
        rng = cp.random.default_rng(0)
        self.W = rng.standard_normal((4, 3))
        self.b = cp.zeros(3)

    def predict(self, x):
        return cp.dot(x, self.W) + self.b

    def backward(self, x, z, dz, memory):
        return dz @ self.W.T, x.T @ dz, dz.sum(axis=0)


class StatefulDense:
    def __init__(self):
        self.params = {"W": cp.random.randn(4, 3), "b": cp.zeros(3)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x.dot(self.params["W"]) + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T.dot(dout)
        self.grads["b"] = dout.sum(axis=0)
        return dout.dot(self.params["W"].T)


class LearntByNumpy:
    """The module of its input: runs on both."""

    learnables = ("g",)

    def __init__(self):
        self.g = np.linspace(0.5, 1.5, 4)

    def predict(self, x):
        xp = cupy.get_array_module(x)
        return xp.tanh(x) * self.g

    def backward(self, x, z, dz, memory):
        xp = cupy.get_array_module(x)
        t = xp.tanh(x)
        buffer = xp.zeros(x.shape, x.dtype)
        buffer += dz * self.g * (1 - t * t)
        return buffer, (dz * t).sum(axis=0)


class Scatters:
    def __init__(self):
        self.columns = cp.array([0, 1, 1, 3, 2])

    def predict(self, x):
        return x[:, self.columns]

    def backward(self, x, z, dz, memory):
        dx = cp.zeros_like(x)
        cupyx.scatter_add(dx, (slice(None), self.columns), dz)
        return dx


class ScattersWithAt:
    def predict(self, x):
        return x[:, cp.array([0, 1, 1])]

    def backward(self, x, z, dz, memory):
        dx = cp.zeros(x.shape, x.dtype)
        cp.add.at(dx, (slice(None), cp.array([0, 1, 1])), dz)
        return dx


class Dropout:
    def predict(self, x):
        return x

    def forward(self, x):
        mask = (cp.random.rand(*x.shape) > 0.5).astype(x.dtype) / 0.5
        return x * mask, mask

    def backward(self, x, z, dz, mask):
        return dz * mask


class RunningMean:
    states = ("mean",)

    def __init__(self):
        self.mean = cp.zeros(4)

    def initialize(self, layout):
        self.mean = cp.zeros(layout.shape[layout.find("C")])

    def predict(self, x):
        return x - self.mean

    def forward(self, x):
        m = x.mean(axis=0)
        self.mean = 0.9 * self.mean + 0.1 * m
        return x - m, None

    def backward(self, x, z, dz, memory):
        return dz - dz.mean(axis=0)


class LazyWeights:
    def __init__(self):
        self.W = None

    def forward(self, x):
        if self.W is None:
            self.W = cp.linspace(-1.0, 1.0, x.shape[1] * 3).reshape(x.shape[1], 3)
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


@cp.fuse()
def _gate(x):
    return x / (1 + cp.exp(-x))


class Swish:
    def predict(self, x):
        return _gate(x)

    def backward(self, x, z, dz, memory):
        s = 1 / (1 + cp.exp(-x))
        return dz * (s + x * s * (1 - s))


class Memory:
    """Hands nested memory over, host numbers among it."""

    def forward(self, x):
        total = 1.0 + (x * x).sum(axis=1, keepdims=True)
        return x / total, {"total": total, "shape": x.shape, "parts": (x, [total])}

    def predict(self, x):
        return self.forward(x)[0]

    def backward(self, x, z, dz, memory):
        (kept, _) = memory["parts"]
        inner = (dz * kept).sum(axis=1, keepdims=True)
        dx = dz / memory["total"] - 2 * kept * inner / memory["total"] ** 2
        return dx.reshape(memory["shape"])


def softplus_forward(x):
    return cp.logaddexp(x, 0.0), x


def softplus_backward(dout, cache):
    return dout / (1 + cp.exp(-cache))
