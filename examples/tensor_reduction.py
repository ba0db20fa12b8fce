"""Tensor reduction: every output is a quadratic form of the inputs.

Shows a layer that is not linear in x, with a learnable of three axes.
"""

from __future__ import annotations

import numpy as np


class TensorReduction:
    """z_k = sum over i and j of W_ijk x_i x_j, for the layout BC.

    Parameters
    ----------
    units : int
        Number of outputs.
    seed : int
        Seed of the initial weights.
    """

    learnables = ("W",)

    def __init__(self, units=3, seed=0):
        self.units = units
        self.seed = seed
        self.W = None

    def initialize(self, layout):
        """Draw W for the channels of the layout."""
        if self.W is None:
            channels = layout.size[-1]
            rng = np.random.default_rng(self.seed)
            self.W = rng.normal(size=(channels, channels, self.units)) / channels

    def predict(self, x):
        """Return z."""
        return np.einsum("bi,bj,ijk->bk", x, x, self.W)

    def backward(self, x, z, dz, memory):
        """Return the gradients of x and W."""
        symmetric = self.W + self.W.transpose(1, 0, 2)
        dx = np.einsum("bk,bj,ijk->bi", dz, x, symmetric)
        dW = np.einsum("bi,bj,bk->ijk", x, x, dz)
        return dx, dW
