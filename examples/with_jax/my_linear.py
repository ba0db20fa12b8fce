"""The MyDense of Dive into Deep Learning, in Flax: weights, a bias, and a ReLU."""

import flax.linen as nn


class MyDense(nn.Module):
    """A fully connected layer with a ReLU."""

    in_units: int
    units: int

    def setup(self):
        """Make the parameters."""
        self.weight = self.param("weight", nn.initializers.normal(1), (self.in_units, self.units))
        self.bias = self.param("bias", nn.initializers.zeros, (self.units,))

    def __call__(self, X):
        """Return the activations."""
        return nn.relu(X @ self.weight + self.bias)
