"""Layers that are right on the CPU and break on a GPU, each in its own way.

The line that breaks ends with ``# breaks: CAUSE``; without a cause the rehearsal has none to name.
All take a layout of BC:6,4.
"""

from __future__ import annotations

import numpy as np


class HostBufferInForward:
    def predict(self, x):
        mask = np.zeros(x.shape)
        return x * (mask + 1)  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz


class HostBufferInBackward:
    def predict(self, x):
        return np.maximum(x, 0)

    def backward(self, x, z, dz, memory):
        dx = np.zeros(x.shape)
        dx += dz * (x > 0)  # breaks: host-array-on-device
        return dx


class WritesIntoHostOutput:
    def predict(self, x):
        z = np.empty(x.shape)
        z[:] = 2 * x  # breaks: implicit-conversion
        return z

    def backward(self, x, z, dz, memory):
        return 2 * dz


class HostConstantOfConstructor:
    def __init__(self):
        self.scale = np.linspace(1.0, 2.0, 4)

    def predict(self, x):
        return x * self.scale  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz * self.scale


class HostConstantOfClass:
    scale = np.array([1.0, 2.0, 3.0, 4.0])

    def predict(self, x):
        return x * self.scale  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz * self.scale


WEIGHTS = np.array([0.5, 1.5, 2.5, 3.5])


class HostConstantOfModule:
    def predict(self, x):
        return np.multiply(WEIGHTS, x)  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return WEIGHTS * dz


class AsArray:
    def predict(self, x):
        x = np.asarray(x)  # breaks: implicit-conversion
        return 3 * x

    def backward(self, x, z, dz, memory):
        return 3 * dz


class ArrayCopy:
    def predict(self, x):
        z = np.array(x, copy=True)  # breaks: implicit-conversion
        z *= 3
        return z

    def backward(self, x, z, dz, memory):
        return 3 * dz


class ListOfRows:
    def predict(self, x):
        return np.array([2 * row for row in x])  # breaks: implicit-conversion

    def backward(self, x, z, dz, memory):
        return 2 * dz


class Contiguous:
    def predict(self, x):
        return np.ascontiguousarray(x) * 2  # breaks: implicit-conversion

    def backward(self, x, z, dz, memory):
        return 2 * dz


class AddAt:
    """Picks columns; the gradient is scattered."""

    columns = (0, 1, 1, 3, 2)

    def predict(self, x):
        return x[:, list(self.columns)]

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        np.add.at(dx, (slice(None), list(self.columns)), dz)  # breaks: unsupported-on-device
        return dx


class SumWhere:
    def predict(self, x):
        return x + np.sum(x, axis=1, keepdims=True, where=x > -9)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return dz + np.sum(dz, axis=1, keepdims=True)


class MaxInitial:
    def predict(self, x):
        top = np.max(x, axis=1, initial=0.0)  # breaks: unsupported-on-device
        return x + 0 * top[:, None]

    def backward(self, x, z, dz, memory):
        return dz


class MethodWhere:
    def predict(self, x):
        return x + 0 * x.mean(axis=1, keepdims=True, where=True)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return dz


class Insert:
    def predict(self, x):
        return np.insert(x, 0, 0.0, axis=1)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return dz[:, 1:]


class Block:
    def predict(self, x):
        return np.block([x, 2 * x])  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return dz[:, :4] + 2 * dz[:, 4:]


class Vectorized:
    def predict(self, x):
        return np.vectorize(lambda v: 2.0 * v)(x)  # breaks: implicit-conversion

    def backward(self, x, z, dz, memory):
        return 2 * dz


class FromPyFunc:
    double = np.frompyfunc(lambda v: 2.0 * v, 1, 1)

    def predict(self, x):
        return self.double(x).astype(x.dtype)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return 2 * dz


class Enumerates:
    def predict(self, x):
        z = np.empty_like(x)
        for index, value in np.ndenumerate(x):  # breaks: implicit-conversion
            z[index] = 2 * value
        return z

    def backward(self, x, z, dz, memory):
        return 2 * dz


class ReducedBlockwise:
    def predict(self, x):
        return np.add.reduceat(x, [0, 2], axis=1)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return np.repeat(dz, 2, axis=1)


class LongDouble:
    def predict(self, x):
        return (x.astype(np.longdouble) * 2).astype(x.dtype)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return 2 * dz


class AsksForFlag:
    def predict(self, x):
        z = 2 * x
        return z if z.flags.writeable else z.copy()  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return 2 * dz


class OnesLike:
    """np.ones passes device=None on, which CuPy's ones() does not take; np.zeros does not."""

    def predict(self, x):
        return x * np.ones(x.shape, like=x)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return dz


class AssignsHostArray:
    def predict(self, x):
        z = np.zeros_like(x)
        z[:, :] = np.ones((6, 4))  # breaks: host-array-on-device
        return z * x

    def backward(self, x, z, dz, memory):
        return dz


class AssignsList:
    def predict(self, x):
        z = 2 * x
        z[0] = [0.0, 0.0, 0.0, 0.0]  # breaks: host-array-on-device
        return z

    def backward(self, x, z, dz, memory):
        dx = 2 * dz
        dx[0] = 0
        return dx


class AddsList:
    shifts = (0.5, 1.5, 2.5, 3.5)

    def predict(self, x):
        return x * 1 + list(self.shifts)  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz


class MatmulWithHost:
    def predict(self, x):
        return x @ np.eye(4)  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz


class DotWithHost:
    def predict(self, x):
        return np.dot(x, np.eye(4))  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz


class WhereHost:
    def predict(self, x):
        return np.where(x > 0, x, np.zeros(x.shape))  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return np.where(x > 0, dz, 0)


class HostRandomMask:
    def predict(self, x):
        return x

    def forward(self, x):
        mask = np.random.rand(*x.shape) > 0.5
        return x * mask / 0.5, mask  # breaks: host-array-on-device

    def backward(self, x, z, dz, mask):
        return dz * mask / 0.5


class HostState:
    def __init__(self):
        self.x = None

    def forward(self, x):
        self.x = x
        self.history = np.zeros((2, 6, 4))
        self.history[0] = x  # breaks: implicit-conversion
        return 2 * x

    def backward(self, dout):
        return 2 * dout


class ElementByElement:
    """Runs on a GPU, one transfer an element, and leaves its output on the host."""

    def predict(self, x):  # breaks: result-on-host
        z = np.empty(x.shape)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                z[i, j] = 2 * x[i, j].item()
        return z

    def backward(self, x, z, dz, memory):
        return 2 * dz


class AsksForType:
    def predict(self, x):  # breaks:
        return 2 * x if isinstance(x, np.ndarray) else 3 * x

    def backward(self, x, z, dz, memory):
        return 2 * dz


class SizeFromElement:
    def predict(self, x):
        count = (np.abs(x) < 99).sum(axis=1).max()
        total = 0 * x
        for _ in range(count):  # breaks:
            total = total + x
        return total

    def backward(self, x, z, dz, memory):
        return 4 * dz


class HostLearnable:
    """Beside the declared weights it keeps a bias that nobody knows of."""

    learnables = ("W",)

    def __init__(self):
        self.W = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
        self.hidden = [np.array([0.1, 0.2, 0.3])]

    def predict(self, x):
        return x @ self.W + self.hidden[0]  # breaks: host-array-on-device

    def backward(self, x, z, dz, memory):
        return dz @ self.W.T, x.T @ dz


class GradientOnHost:
    learnables = ("b",)

    def __init__(self):
        self.b = np.linspace(-1.0, 1.0, 4)

    def predict(self, x):
        return x + self.b

    def backward(self, x, z, dz, memory):  # breaks: result-on-host
        return dz, np.array([float(dz[:, j].sum()) for j in range(4)])
