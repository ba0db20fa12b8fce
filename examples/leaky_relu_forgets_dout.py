"""Leaky ReLU, wrong on purpose: backward returns the derivative and forgets `dout`.

Shows a classic mistake. With an upstream gradient of ones it goes unseen.
"""

from __future__ import annotations

import numpy as np


class LeakyReLU:
    """x where x > 0, alpha x elsewhere."""

    def __init__(self, alpha=0.1):
        self.alpha = alpha
        self.x = None

    def forward(self, x):
        """Return the output and remember x for backward."""
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        """Return a wrong gradient of x: it must be multiplied by dout."""
        dx = np.ones_like(dout)
        dx[self.x <= 0] = self.alpha
        return dx
