"""PReLU with a common mistake: backward averages the gradient of alpha over the batch.

Shows what a failure looks like. The loss already holds the 1/B, if there is one; a layer sums.
"""

from __future__ import annotations

import numpy as np


class PReLU:
    """z = x where x > 0, alpha x elsewhere, with one alpha for each channel."""

    learnables = ("alpha",)

    def __init__(self, slope=0.25):
        self.slope = slope
        self.alpha = None

    def initialize(self, layout):
        """Give alpha the channels along C and 1 along every other axis."""
        if self.alpha is None:
            self.alpha = layout.along("C", np.full(layout.size[layout.find("C")], self.slope))
            self.batch_axis = layout.find("B")

    def predict(self, x):
        """Return z."""
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, x, z, dz, memory):
        """Return the gradients of x and alpha; that of alpha is wrong."""
        others = tuple(axis for axis, n in enumerate(self.alpha.shape) if n == 1)
        dx = np.where(x > 0, dz, self.alpha * dz)
        dalpha = np.sum(np.minimum(x, 0) * dz, axis=others, keepdims=True)
        return dx, dalpha / x.shape[self.batch_axis]
