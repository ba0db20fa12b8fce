"""The same sigmoid, whose backward forgets the upstream gradient.

Shows a common mistake: it returns the derivative of z, and not its product with dz.
"""

from __future__ import annotations

from mxnet import autograd, nd


class Sigmoid(autograd.Function):
    """z = 1 / (1 + exp(-x))."""

    def forward(self, x):
        """Return z."""
        small = nd.exp(-nd.abs(x))
        z = nd.where(x >= 0, 1 / (1 + small), small / (1 + small))
        self.save_for_backward(z)
        return z

    def backward(self, dz):
        """Return z (1 - z), without dz."""
        (z,) = self.saved_tensors
        return z * (1 - z)
