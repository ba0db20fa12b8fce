"""A layer without weights that subtracts the mean, as d2l's CenteredLayer."""

import keras


class CenteredLayer(keras.layers.Layer):
    """Subtracts the mean over the features of each observation."""

    def call(self, x):
        """Return the centred input."""
        return x - keras.ops.mean(x, axis=-1, keepdims=True)
