"""SReLU without a backward pass: its gradients are derived from `predict`, and checked.

Shows a native layer with four learnables and `predict` alone. Where jax is installed its NumPy
calls are carried out by jax.numpy, which differentiates them; where it is not, the gradient
checks are skipped and say so.
"""

from __future__ import annotations

import numpy as np


class SReLU:
    """Three straight pieces for each channel, joined at two learnable thresholds.

    z = t_r + a_r (x - t_r)   where x >= t_r,
    z = t_l + a_l (x - t_l)   where x <= t_l,
    z = x                     between them.
    """

    learnables = ("left_slope", "right_slope", "left_threshold", "right_threshold")

    def __init__(self):
        self.left_slope = None
        self.right_slope = None
        self.left_threshold = None
        self.right_threshold = None

    def initialize(self, layout):
        """Give every learnable the channels along C and 1 along every other axis."""
        if self.left_slope is None:
            channels = layout.size[layout.find("C")]
            self.left_slope = layout.along("C", np.full(channels, 0.125))
            self.right_slope = layout.along("C", np.full(channels, 0.75))
            self.left_threshold = layout.along("C", np.full(channels, -0.5))
            self.right_threshold = layout.along("C", np.full(channels, 1.0))

    def predict(self, x):
        """Return z."""
        left = self.left_threshold + self.left_slope * (x - self.left_threshold)
        right = self.right_threshold + self.right_slope * (x - self.right_threshold)
        between = np.where(x <= self.left_threshold, left, x)
        return np.where(x >= self.right_threshold, right, between)
