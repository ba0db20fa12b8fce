"""SReLU with its backward pass written by hand.

Shows four learnables whose gradients come back in the declared order, each summed over every
axis but the channels.
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

    def backward(self, x, z, dz, memory):
        """Return the gradients of x and of the four learnables."""
        right = x >= self.right_threshold
        left = (x <= self.left_threshold) & ~right
        dleft, dright = np.where(left, dz, 0), np.where(right, dz, 0)
        dbetween = np.where(left | right, 0, dz)
        dx = self.left_slope * dleft + self.right_slope * dright + dbetween
        return (
            dx,
            self._per_channel(dleft * (x - self.left_threshold)),
            self._per_channel(dright * (x - self.right_threshold)),
            self._per_channel(dleft * (1 - self.left_slope)),
            self._per_channel(dright * (1 - self.right_slope)),
        )

    def _per_channel(self, gradient):
        others = tuple(axis for axis, n in enumerate(self.left_slope.shape) if n == 1)
        return np.sum(gradient, axis=others, keepdims=True)
