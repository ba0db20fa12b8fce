"""Weighted addition: two inputs, one learnable scalar weight for each.

Shows a layer with several inputs: one `--layout` for each, and one gradient for each.
"""

from __future__ import annotations

import numpy as np


class WeightedAddition:
    """z = w1 x1 + w2 x2."""

    input_names = ("x1", "x2")
    learnables = ("w1", "w2")

    def __init__(self):
        self.w1 = np.array(0.75)
        self.w2 = np.array(-1.25)

    def predict(self, x1, x2):
        """Return z."""
        return self.w1 * x1 + self.w2 * x2

    def backward(self, x1, x2, z, dz, memory):
        """Return the gradients of x1, x2, w1 and w2."""
        return self.w1 * dz, self.w2 * dz, np.sum(x1 * dz), np.sum(x2 * dz)
