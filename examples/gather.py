"""Columns picked by their numbers, some of them more than once; on the CPU alone."""

from __future__ import annotations

import numpy as np


class Gather:
    """Picks columns of a BC layout."""

    def __init__(self, columns):
        self.columns = list(columns)

    def predict(self, x):
        """Return the columns."""
        return x[:, self.columns]

    def backward(self, x, z, dz, memory):
        """Add up the gradients of each column; CuPy has no np.add.at."""
        dx = np.zeros_like(x)
        np.add.at(dx, (slice(None), self.columns), dz)
        return dx
