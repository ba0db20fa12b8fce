"""A fully connected layer, as d2l's MyDense, as a tf.Module."""

import tensorflow as tf


class MyDense(tf.Module):
    """relu(x W + b)."""

    def __init__(self, in_units=5, units=3):
        super().__init__()
        self.weight = tf.Variable(tf.random.normal((in_units, units)), name="weight")
        self.bias = tf.Variable(tf.zeros(units), name="bias")

    @tf.function
    def __call__(self, x):
        """Return the activations."""
        return tf.nn.relu(x @ self.weight + self.bias)
