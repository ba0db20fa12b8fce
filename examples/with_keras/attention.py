"""Additive attention with a mask for padded steps."""

import keras
from keras import ops


class Pooling(keras.layers.Layer):
    """Averages the steps of a sequence with learned weights."""

    def __init__(self, **options):
        super().__init__(**options)
        self.supports_masking = True

    def build(self, input_shape):
        """Make the vector that scores a step."""
        self.score = self.add_weight(shape=(input_shape[-1],), name="score")

    def call(self, x, mask=None):
        """Return one vector for each sequence."""
        scores = ops.sum(ops.tanh(x) * self.score, axis=-1)
        if mask is not None:
            scores = ops.where(mask, scores, ops.cast(-1e4, scores.dtype))
        return ops.sum(ops.softmax(scores)[..., None] * x, axis=1)

    def compute_mask(self, x, mask=None):
        """The output has no steps that could be hidden."""
        return
