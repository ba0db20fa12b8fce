"""Layers that use CuPy and are wrong, with the check that says so. All take BC:6,4."""

from __future__ import annotations

import cupy as cp
import numpy as np


class AveragedGradient:
    """fails: gradients.learnable:b"""

    learnables = ("b",)

    def __init__(self):
        self.b = cp.linspace(-1.0, 1.0, 4)

    def predict(self, x):
        return x + self.b

    def backward(self, x, z, dz, memory):
        return dz, dz.mean(axis=0)


class WritesIntoInput:
    """fails: purity.inputs_unchanged"""

    def predict(self, x):
        x *= 2
        return x + 0

    def backward(self, x, z, dz, memory):
        return 2 * dz


class HostMask:
    """fails: gpu.rehearsal_forward host-array-on-device"""

    def predict(self, x):
        return x * np.ones(x.shape) + cp.zeros(4)  # breaks

    def backward(self, x, z, dz, memory):
        return dz


class ToHost:
    """fails: gpu.rehearsal_forward implicit-conversion"""

    def predict(self, x):
        return cp.exp(cp.asarray(np.asarray(x)))  # breaks

    def backward(self, x, z, dz, memory):
        return dz * z


class HostConstantInBackward:
    """fails: gpu.rehearsal_backward host-array-on-device"""

    def __init__(self):
        self.mask = np.array([1.0, 0.0, 1.0, 0.0])

    def predict(self, x):
        return cp.multiply(x, cp.asarray(self.mask))

    def backward(self, x, z, dz, memory):
        return cp.multiply(dz, self.mask)  # breaks


class NoSuchFunction:
    """fails: gpu.rehearsal_forward unsupported-on-device"""

    def predict(self, x):
        return cp.block([x, cp.zeros_like(x)])  # breaks

    def backward(self, x, z, dz, memory):
        return dz[:, :4]


class LeavesOutputOnHost:
    """fails: gpu.rehearsal_forward result-on-host"""

    def predict(self, x):  # breaks
        return cp.asnumpy(cp.exp(x))

    def backward(self, x, z, dz, memory):
        return dz * cp.exp(x)
