"""Layers with weights, batches and sums whose mistakes other checkers pass."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, wrong
from tests.peers.wrong_pointwise import X, spoilt


class Linear:
    learnables = ("W", "b")

    def __init__(self, size, factor):
        self.W, self.b, self.factor = normal(size, size), normal(size, 1), factor

    def predict(self, x):
        return self.W @ x + self.b

    def backward(self, x, z, dz, memory):
        return self.W.T @ dz, self.factor * (dz @ x.T), dz.sum(axis=1, keepdims=True)


class StartsTiny(Linear):
    """Its weights begin so small that what is wrong with them cannot be seen."""

    def __init__(self):
        super().__init__(5, 1)
        self.W = self.W * 1e-9

    def backward(self, x, z, dz, memory):
        _, dw, db = super().backward(x, z, dz, memory)
        return self.W @ dz, dw, db


class Conv:
    """A 3 by 3 convolution; the input gradient is multiplied by `factor`."""

    learnables = ("W",)

    def __init__(self, channels, factor):
        self.W, self.factor = normal(3, 3, channels, channels), factor

    def predict(self, x):
        h, w, _, batch = x.shape
        z = np.zeros((h - 2, w - 2, self.W.shape[3], batch), x.dtype)
        for i in range(3):
            for j in range(3):
                z += self.mixed(self.W[i, j].T, x[i : h - 2 + i, j : w - 2 + j])
        return z

    def mixed(self, w, x):
        return np.einsum("kc,ijcb->ijkb", w, x, optimize=True)

    def backward(self, x, z, dz, memory):
        h, w = x.shape[:2]
        dx, dw = np.zeros_like(x), np.empty_like(self.W)
        for i in range(3):
            for j in range(3):
                rows, columns = slice(i, h - 2 + i), slice(j, w - 2 + j)
                dx[rows, columns] += self.mixed(self.W[i, j], dz)
                dw[i, j] = np.einsum("ijcb,ijkb->ck", x[rows, columns], dz, optimize=True)
        return self.factor * dx, dw


class MeanOverBatch:
    """A mean over a large batch has a small gradient; it is -3 times right."""

    def predict(self, x):
        return x.mean(axis=1, keepdims=True)

    def backward(self, x, z, dz, memory):
        return -3 * dz * np.ones_like(x) / x.shape[1]


class CentresBatch:
    """Subtracts the batch mean and squares; the gradient is that of no one."""

    def predict(self, x):
        return np.square(x - x.mean(axis=1, keepdims=True))

    def backward(self, x, z, dz, memory):
        return -100 * dz


class CancellingLeak:
    """Adds another observation with weights whose sum over the features is 0."""

    def weights(self, x):
        half = x.shape[0] // 2
        return np.repeat([1, -1], half).astype(x.dtype)[:, np.newaxis]

    def predict(self, x):
        return x + self.weights(x) * np.roll(x.mean(axis=0), 1)

    def backward(self, x, z, dz, memory):
        leaked = np.roll((self.weights(x) * dz).sum(axis=0), -1) / x.shape[0]
        return dz + leaked


class SoftmaxDetached:
    """Its outputs sum to 1, so that upstream gradients of ones see a gradient of 0."""

    def predict(self, x):
        e = np.exp(x - x.max(axis=0))
        return e / e.sum(axis=0)

    def backward(self, x, z, dz, memory):
        return np.zeros_like(x)


class BatchNormDetached:
    def predict(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-3)

    def backward(self, x, z, dz, memory):
        return np.zeros_like(x)


W = "gradients.learnable:W"
QUICK = (
    spoilt(Linear, "CB:20,8", "-7 times a weight gradient", W, init={"size": 20, "factor": -7}),
    spoilt(StartsTiny, "CB:5,4", "weights that start tiny"),
    spoilt(MeanOverBatch, "CB:4,500", "-3 times a mean over the batch"),
    spoilt(SoftmaxDetached, "CB:5,4", "softmax of gradient 0"),
    spoilt(BatchNormDetached, "CB:5,6", "batch norm of gradient 0", declare={"mixes": "B!"}),
    wrong(
        CentresBatch,
        "CB:4,6",
        fails=f"{X} batch.observations_independent batch.other_batch_sizes",
        name="-100 times and mixed over the batch",
        dtypes=("float64",),
    ),
    wrong(
        CancellingLeak,
        "CB:4,6",
        fails="batch.observations_independent batch.other_batch_sizes",
        name="a leak that cancels",
        dtypes=("float64",),
    ),
)
_UNUSED = f"{W} gradients.reaches_all_learnables"
_LINEAR = {"size": 512}
_CONV = {"channels": 32}
_IMAGES = "SSCB:16,16,32,32"
LARGE = (
    spoilt(Linear, "CB:512,128", "dW of 512 by 512 is 0", _UNUSED, init={**_LINEAR, "factor": 0}),
    spoilt(Linear, "CB:512,128", "dW of 512 by 512 doubled", W, init={**_LINEAR, "factor": 2}),
    spoilt(Conv, _IMAGES, "dx of a convolution is 0", init={**_CONV, "factor": 0}),
    spoilt(Conv, _IMAGES, "dx of a convolution negated", init={**_CONV, "factor": -1}),
)
__all__ = ["LARGE", "QUICK"]
