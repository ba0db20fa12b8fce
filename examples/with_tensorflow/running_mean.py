"""A layer with a state: it subtracts a running mean, which training updates."""

import tensorflow as tf


class RunningMean(tf.Module):
    """Subtracts the mean of the batch in training, and the running mean afterwards."""

    def __init__(self, units=5, momentum=0.9):
        super().__init__()
        self.momentum = momentum
        self.mean = tf.Variable(tf.zeros(units), trainable=False, name="mean")

    def __call__(self, x, training=False):
        """Return the centred input."""
        if not training:
            return x - self.mean
        mean = tf.reduce_mean(x, axis=0)
        self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * mean)
        return x - mean
