"""Dense: every output is a weighted sum of all inputs, plus a bias.

Shows a native layer whose weights are built from the layout, with the usual Python layout BC.
"""

from __future__ import annotations

import numpy as np


class Dense:
    """z = x W + b along the last axis, which must be C.

    Parameters
    ----------
    units : int, optional
        Number of outputs. Default: as many as there are inputs.
    seed : int
        Seed of the initial weights.
    """

    learnables = ("W", "b")

    def __init__(self, units=None, seed=0):
        self.units = units
        self.seed = seed
        self.W = None
        self.b = None

    def initialize(self, layout):
        """Draw W and b for the channels of the layout."""
        if self.W is None:
            channels = layout.size[-1]
            units = self.units or channels
            rng = np.random.default_rng(self.seed)
            self.W = rng.normal(size=(channels, units)) / np.sqrt(channels)
            self.b = rng.normal(size=units)

    def predict(self, x):
        """Return z."""
        return x @ self.W + self.b

    def backward(self, x, z, dz, memory):
        """Return the gradients of x, W and b."""
        channels, units = self.W.shape
        rows, drows = x.reshape(-1, channels), dz.reshape(-1, units)
        return dz @ self.W.T, rows.T @ drows, drows.sum(axis=0)
