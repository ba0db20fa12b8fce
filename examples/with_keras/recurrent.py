"""A recurrent layer that is unrolled over the steps of its input."""

import keras
from keras import ops


class LeakyRecurrent(keras.layers.Layer):
    """h' = (1 - a) h + a tanh(x W + h U), from h = 0; returns every h."""

    def __init__(self, units=3, leak=0.5, **options):
        super().__init__(**options)
        self.units, self.leak = units, leak

    def build(self, input_shape):
        """Make the weights."""
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="u")

    def call(self, x):
        """Return the hidden states."""
        h, found = ops.zeros_like(ops.matmul(x[:, 0], self.w)), []
        for step in range(x.shape[1]):
            moved = ops.tanh(ops.matmul(x[:, step], self.w) + ops.matmul(h, self.u))
            h = (1 - self.leak) * h + self.leak * moved
            found.append(h)
        return ops.stack(found, axis=1)

    def get_config(self):
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "units": self.units, "leak": self.leak}
