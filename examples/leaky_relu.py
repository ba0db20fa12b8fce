"""Leaky ReLU as most courses write it: `forward` keeps x on the object, `backward` uses it.

Shows the stateful convention: `forward(x)` returns the output, `backward(dout)` returns dx.
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
        """Return the gradient of x."""
        return np.where(self.x > 0, dout, self.alpha * dout)
