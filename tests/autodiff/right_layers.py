"""Layers without a backward pass, in every NumPy convention that allows it: all of them right."""

from __future__ import annotations

import numpy as np


class Dense:
    learnables = ("W", "b")

    def __init__(self):
        rng = np.random.default_rng(3)
        self.W, self.b = rng.normal(size=(4, 3)), np.zeros(3)

    def predict(self, x):
        return np.maximum(x @ self.W + self.b, 0)


class Softplus:
    def predict(self, x):
        return np.logaddexp(x, 0)


class Centered:
    def predict(self, x):
        return x - x.mean(axis=1, keepdims=True)


class LayerNorm:
    learnables = ("gain", "bias")

    def initialize(self, layout):
        self.gain, self.bias = np.ones(layout.size[-1]), np.zeros(layout.size[-1])

    def predict(self, x):
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return self.gain * (x - mean) / np.sqrt(var + 1e-5) + self.bias


class BatchNorm:
    learnables = ("gain",)
    states = ("mean", "var")

    def __init__(self):
        self.gain = np.linspace(0.5, 1.5, 4)
        self.mean, self.var = np.zeros(4), np.ones(4)

    def predict(self, x):
        return self.gain * (x - self.mean) / np.sqrt(self.var + 1e-5)

    def forward(self, x):
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.mean = 0.9 * self.mean + 0.1 * mean
        self.var = 0.9 * self.var + 0.1 * var
        return self.gain * (x - mean) / np.sqrt(var + 1e-5)


class Recurrent:
    """A state with a gradient, and outputs written into a traced buffer."""

    learnables = ("W", "U")
    states = ("h",)

    def __init__(self):
        rng = np.random.default_rng(4)
        self.W, self.U = rng.normal(size=(3, 4)) / 2, rng.normal(size=(3, 3)) / 2
        self.h = None

    def initialize(self, layout):
        self.h = np.zeros((3, layout.size[layout.find("B")]))

    def predict(self, x):
        out = np.zeros((3, *x.shape[1:]), x.dtype, like=x)
        h = self.h
        for t in range(x.shape[2]):
            h = np.tanh(self.W @ x[:, :, t] + self.U @ h)
            out[:, :, t] = h
        self.h = h
        return out

    def reset_state(self):
        self.h = np.zeros_like(self.h)


class Convolution:
    learnables = ("kernel",)

    def __init__(self):
        self.kernel = np.random.default_rng(5).normal(size=(3, 3, 2, 3))

    def predict(self, x):
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))
        return np.einsum("ijcbkl,klcd->ijdb", windows, self.kernel)


class MaxPool:
    def predict(self, x):
        h, w, c, b = x.shape
        return x.reshape(h // 2, 2, w // 2, 2, c, b).max(axis=(1, 3))


class Attention:
    learnables = ("Q", "K", "V")

    def __init__(self):
        rng = np.random.default_rng(6)
        self.Q, self.K, self.V = (rng.normal(size=(4, 4)) / 2 for _ in range(3))

    def predict(self, x):
        q, k, v = x @ self.Q, x @ self.K, x @ self.V
        scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        return weights / weights.sum(-1, keepdims=True) @ v


class Dropout:
    def __init__(self):
        self.rng = np.random.default_rng(7)

    def predict(self, x):
        return x

    def forward(self, x):
        return x * (self.rng.random(x.shape) > 0.3) / 0.7


class FreshDropout:
    """A generator without a seed, in every pass."""

    def predict(self, x):
        return x

    def forward(self, x):
        return x * (np.random.default_rng().random(x.shape) > 0.5) / 0.5


class Embedding:
    learnables = ("table",)

    def __init__(self):
        self.table = np.random.default_rng(8).normal(size=(10, 3))

    def predict(self, tokens):
        return self.table[tokens]


class Gated:
    """Two inputs, two outputs, and a learnable held in a dict and in a list as well."""

    learnables = ("weights",)
    num_outputs = 2

    def __init__(self):
        self.weights = np.linspace(0.2, 0.8, 4)
        self.everything = {"weights": [self.weights]}

    def predict(self, x, gate):
        kept = x * self.everything["weights"][0] / (1 + np.exp(-gate))
        return kept, x - kept


class Scale:
    learnables = ("factor",)

    def __init__(self):
        self.factor = 1.5

    def predict(self, x):
        return self.factor * x


class Network:
    learnables = ("first", "second")

    def __init__(self):
        self.first, self.second = LayerNorm(), Scale()

    def initialize(self, layout):
        self.first.initialize(layout)

    def predict(self, x):
        return self.second.predict(np.tanh(self.first.predict(x)))


class Clipped:
    """A branch on values."""

    def predict(self, x):
        norm = np.linalg.norm(x, axis=1, keepdims=True)
        return np.where(norm > 1, x / np.where(norm > 1, norm, 1), x)


class Stateless:
    """The passes of other conventions, without the backward one."""

    def __init__(self):
        self.order = np.array([3, 1, 0, 2])

    def forward(self, x):
        self.x = x
        return np.sin(x)[:, self.order]


def swish(x):
    return x / (1 + np.exp(-x))


def affine(x, W, b):
    return x @ W + b


TABLE = {
    Dense: ["BC:5,4"],
    Softplus: ["BC:5,4"],
    Centered: ["BC:5,4"],
    LayerNorm: ["BC:5,4"],
    BatchNorm: ["BC:6,4"],
    Recurrent: ["CBT:4,3,5"],
    Convolution: ["SSCB:5,4,2,3"],
    MaxPool: ["SSCB:4,6,2,3"],
    Attention: ["BTC:2,3,4"],
    Dropout: ["BC:5,4"],
    FreshDropout: ["BC:5,4"],
    Embedding: ["BT:3,4"],
    Gated: ["BC:5,4", "BC:5,4"],
    Scale: ["BC:5,4"],
    Network: ["BC:5,4"],
    Clipped: ["BC:5,4"],
    Stateless: ["BC:5,4"],
    swish: ["BC:5,4"],
    affine: ["BC:5,4"],
}
OPTIONS = {
    BatchNorm: {"declare": {"mixes": "B"}},
    Embedding: {"integers": {"": (0, 10)}},
    affine: {"learnable": {"W": (4, 3), "b": (3,)}},
}
