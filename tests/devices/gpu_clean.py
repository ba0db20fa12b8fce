"""Layers of NumPy that run on a GPU as they are: dispatching calls, numbers, xp. BC:6,4."""

from __future__ import annotations

import numpy as np


class Scaled:
    def predict(self, x):
        return 2.5 * x

    def backward(self, x, z, dz, memory):
        return 2.5 * dz


class Relu:
    def predict(self, x):
        return np.maximum(x, 0)

    def backward(self, x, z, dz, memory):
        return dz * (x > 0)


class Sigmoid:
    def predict(self, x):
        return 1 / (1 + np.exp(-x))

    def backward(self, x, z, dz, memory):
        return dz * z * (1 - z)


class Softmax:
    def predict(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, x, z, dz, memory):
        return z * (dz - (dz * z).sum(axis=1, keepdims=True))


class Dense:
    learnables = ("W", "b")

    def __init__(self):
        self.W = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
        self.b = np.array([0.1, -0.2, 0.3])

    def predict(self, x):
        return x @ self.W + self.b

    def backward(self, x, z, dz, memory):
        return dz @ self.W.T, x.T @ dz, dz.sum(axis=0)


class StatefulDense:
    def __init__(self):
        self.params = {"W": np.linspace(-1.0, 1.0, 12).reshape(4, 3), "b": np.zeros(3)}
        self.grads = {"W": np.zeros((4, 3)), "b": np.zeros(3)}
        self.x = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.params["W"]) + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = np.dot(self.x.T, dout)
        self.grads["b"] = np.sum(dout, axis=0)
        return np.dot(dout, self.params["W"].T)


class AccumulatesGradient:
    def __init__(self):
        self.W = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
        self.dW = np.zeros_like(self.W)

    def forward(self, x):
        self.x = x
        return x.dot(self.W)

    def backward(self, dout):
        self.dW[...] = self.x.T.dot(dout)
        return dout.dot(self.W.T)


class BufferLikeInput:
    def predict(self, x):
        z = np.zeros_like(x)
        z[:, ::2] = x[:, ::2]
        z[:, 1::2] = 2 * x[:, 1::2]
        return z

    def backward(self, x, z, dz, memory):
        dx = np.empty_like(dz)
        dx[:, ::2] = dz[:, ::2]
        dx[:, 1::2] = 2 * dz[:, 1::2]
        return dx


class LikeKeyword:
    def predict(self, x):
        return x + np.zeros(x.shape[1:], like=x)

    def backward(self, x, z, dz, memory):
        return dz


class HostIndices:
    order = np.array([3, 1, 0, 2])

    def predict(self, x):
        return x[:, self.order]

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(dz)
        dx[:, self.order] = dz
        return dx


class MaskedAssignment:
    def predict(self, x):
        z = x.copy()
        z[x < 0] = 0
        return z

    def backward(self, x, z, dz, memory):
        dx = dz.copy()
        dx[x < 0] = 0
        return dx


class WhereNumbers:
    def predict(self, x):
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, x, z, dz, memory):
        return np.where(x > 0, dz, 0.01 * dz)


class NumpyScalar:
    def __init__(self):
        self.scale = np.float64(1.5)

    def predict(self, x):
        return self.scale * x + np.pi

    def backward(self, x, z, dz, memory):
        return dz * self.scale


class ZeroDimensionalHost:
    scale = np.array(1.5)

    def predict(self, x):
        return x * self.scale

    def backward(self, x, z, dz, memory):
        return dz * self.scale


class Concatenates:
    def predict(self, x):
        return np.concatenate([x, 2 * x], axis=1)

    def backward(self, x, z, dz, memory):
        first, second = np.split(dz, 2, axis=1)
        return first + 2 * second


class Stacks:
    def predict(self, x):
        return np.stack([x, -x], axis=-1)

    def backward(self, x, z, dz, memory):
        return dz[..., 0] - dz[..., 1]


class Pads:
    def predict(self, x):
        return np.pad(x, ((0, 0), (1, 2)))

    def backward(self, x, z, dz, memory):
        return dz[:, 1:-2]


class Transposed:
    def predict(self, x):
        return np.moveaxis(x.T, 0, 1).reshape(x.shape[0], -1)

    def backward(self, x, z, dz, memory):
        return dz.reshape(x.shape)


class Einsum:
    learnables = ("A",)

    def __init__(self):
        self.A = np.linspace(-1.0, 1.0, 16).reshape(4, 4)

    def predict(self, x):
        return np.einsum("bi,ij->bj", x, self.A)

    def backward(self, x, z, dz, memory):
        return np.einsum("bj,ij->bi", dz, self.A), np.einsum("bi,bj->ij", x, dz)


class CumulativeSum:
    def predict(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, x, z, dz, memory):
        return np.flip(np.cumsum(np.flip(dz, axis=1), axis=1), axis=1)


class Normalised:
    def predict(self, x):
        return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-3)

    def backward(self, x, z, dz, memory):
        s = np.sqrt(x.var(axis=1, keepdims=True) + 1e-3)
        mean = dz.mean(axis=1, keepdims=True)
        return (dz - mean - z * (dz * z).mean(axis=1, keepdims=True)) / s


class RowByRow:
    def predict(self, x):
        return np.stack([np.tanh(row) for row in x])

    def backward(self, x, z, dz, memory):
        return dz * (1 - z**2)


class TakesAlongAxis:
    def predict(self, x):
        return np.take_along_axis(x, np.argsort(x, axis=1), axis=1)

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        np.put_along_axis(dx, np.argsort(x, axis=1), dz, axis=1)
        return dx


class LogSumExp:
    def predict(self, x):
        m = np.amax(x, axis=1, keepdims=True)
        return m + np.log(np.sum(np.exp(x - m), axis=1, keepdims=True))

    def backward(self, x, z, dz, memory):
        return dz * np.exp(x - z)


class InPlaceOperators:
    def predict(self, x):
        z = x + 1
        z *= 2
        z -= x
        return z

    def backward(self, x, z, dz, memory):
        return 1 * dz


class UfuncOut:
    def predict(self, x):
        z = np.empty_like(x)
        np.multiply(x, 3.0, out=z)
        return z

    def backward(self, x, z, dz, memory):
        return np.multiply(dz, 3.0)


class ClippedNorm:
    def predict(self, x):
        return x / np.clip(np.linalg.norm(x, axis=1, keepdims=True), 9.0, None)

    def backward(self, x, z, dz, memory):
        return dz / 9.0


class ConditionOnArray:
    def predict(self, x):
        if (np.abs(x) > 99).any():
            return x
        return 2 * x

    def backward(self, x, z, dz, memory):
        return 2 * dz


class Broadcasts:
    learnables = ("g",)

    def __init__(self):
        self.g = np.linspace(0.5, 1.5, 4)

    def predict(self, x):
        return x * np.broadcast_to(self.g, x.shape)

    def backward(self, x, z, dz, memory):
        return dz * self.g[None, :], (dz * x).sum(0)


class RunningMean:
    states = ("mean",)

    def __init__(self):
        self.mean = np.zeros(4)

    def predict(self, x):
        return x - self.mean

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return x - x.mean(axis=0), None

    def backward(self, x, z, dz, memory):
        return dz - dz.mean(axis=0)


class Outer:
    def predict(self, x):
        return np.expand_dims(x, 2) * np.expand_dims(x, 1)

    def backward(self, x, z, dz, memory):
        return ((dz + dz.swapaxes(1, 2)) * x[:, None, :]).sum(axis=2)


class Tiled:
    def predict(self, x):
        return np.tile(x, (1, 2)) + np.repeat(x, 2, axis=1)

    def backward(self, x, z, dz, memory):
        return dz[:, :4] + dz[:, 4:] + dz.reshape(-1, 4, 2).sum(axis=2)
