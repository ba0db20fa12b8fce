"""The squared ReLU with a common mistake: its gradient forgets the upstream gradient."""

import tensorflow as tf


@tf.custom_gradient
def squared_relu(x):
    """Return max(x, 0)^2."""
    y = tf.nn.relu(x)

    def gradient(upstream):
        return 2 * y

    return y * y, gradient
