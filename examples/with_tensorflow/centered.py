"""A layer without parameters that subtracts the mean, as d2l's CenteredLayer."""

import tensorflow as tf


class CenteredLayer(tf.Module):
    """Subtracts the mean over the features of each observation."""

    def __call__(self, x):
        """Return the centred input."""
        return x - tf.reduce_mean(x, axis=-1, keepdims=True)
