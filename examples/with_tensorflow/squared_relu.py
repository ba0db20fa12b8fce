"""A squared ReLU with its own gradient, which needs one comparison less than the derived one."""

import tensorflow as tf


@tf.custom_gradient
def squared_relu(x):
    """Return max(x, 0)^2; its derivative is 2 max(x, 0)."""
    y = tf.nn.relu(x)

    def gradient(upstream):
        return 2 * y * upstream

    return y * y, gradient
