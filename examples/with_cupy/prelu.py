"""A layer for the GPU alone: its weights and passes are CuPy's."""

from __future__ import annotations

import cupy as cp


class PReLU:
    """Leaky rectifier with a learnable slope for each channel of a BC layout."""

    learnables = ("alpha",)

    def __init__(self, channels):
        self.alpha = cp.random.uniform(0.05, 0.5, size=channels)

    def predict(self, x):
        """Return max(0, x) + alpha min(0, x)."""
        return cp.maximum(x, 0) + self.alpha * cp.minimum(x, 0)

    def backward(self, x, z, dz, memory):
        """Return the gradients of x and alpha."""
        dx = cp.where(x > 0, dz, self.alpha * dz)
        dalpha = (dz * cp.minimum(x, 0)).sum(axis=0)
        return dx, dalpha
