"""Scaled dot-product attention: three inputs, one output."""

import tensorflow as tf


class Attention(tf.Module):
    """softmax(query key^T / sqrt(d)) value."""

    def __call__(self, query, key, value):
        """Return the mean of the values that each query attends to."""
        scale = tf.math.rsqrt(tf.cast(tf.shape(query)[-1], query.dtype))
        scores = tf.matmul(query, key, transpose_b=True) * scale
        return tf.matmul(tf.nn.softmax(scores), value)
