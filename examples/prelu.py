"""PReLU: a slope per channel below zero, with its backward pass written by hand.

Shows a native layer: `initialize` reads the layout, so that one class serves SSCB images,
CBT sequences and BC features alike.
"""

from __future__ import annotations

import numpy as np


class PReLU:
    """z = x where x > 0, alpha x elsewhere, with one alpha for each channel.

    Parameters
    ----------
    channels : int, optional
        Number of channels. Default: as many as the layout has.
    slope : float
        Initial value of every alpha.
    """

    learnables = ("alpha",)

    def __init__(self, channels=None, slope=0.25):
        self.channels = channels
        self.slope = slope
        self.alpha = None

    def initialize(self, layout):
        """Give alpha the channels along C and 1 along every other axis."""
        if self.alpha is None:
            channels = self.channels or layout.size[layout.find("C")]
            self.alpha = layout.along("C", np.full(channels, self.slope))

    def predict(self, x):
        """Return z."""
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, x, z, dz, memory):
        """Return the gradients of x and alpha."""
        others = tuple(axis for axis, n in enumerate(self.alpha.shape) if n == 1)
        dx = np.where(x > 0, dz, self.alpha * dz)
        dalpha = np.sum(np.minimum(x, 0) * dz, axis=others, keepdims=True)
        return dx, dalpha
