"""Modules and functions of TensorFlow that are right."""

from __future__ import annotations

import tensorflow as tf


class Dense(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.random.normal((5, 3)), name="w")
        self.b = tf.Variable(tf.zeros(3), name="b")

    def __call__(self, x):
        return tf.tanh(x @ self.w + self.b)


class Traced(Dense):
    @tf.function
    def __call__(self, x):
        return tf.nn.relu(x @ self.w) + self.b


class Stacked(tf.Module):
    def __init__(self):
        super().__init__()
        self.layers = [Dense()]
        self.scales = {"out": tf.Variable(2.0)}

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.scales["out"] * x


class Convolution(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.random.normal((2, 2, 2, 3)), name="w")

    def __call__(self, x):
        return tf.nn.conv2d(x, self.w, strides=1, padding="SAME")


class Recurrent(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.random.normal((2, 3)), name="w")
        self.u = tf.Variable(tf.random.normal((3, 3)) / 3, name="u")

    def __call__(self, x):
        h = tf.zeros_like(x[:, 0] @ self.w)
        for step in range(x.shape[1]):
            h = tf.tanh(x[:, step] @ self.w + h @ self.u)
        return h


class RunningMean(tf.Module):
    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(tf.zeros(5), trainable=False, name="mean")

    def __call__(self, x, training=False):
        if not training:
            return x - self.mean
        mean = tf.reduce_mean(x, axis=0)
        self.mean.assign(0.9 * self.mean + 0.1 * mean)
        return x - mean


class Dropout(tf.Module):
    def __init__(self):
        super().__init__()
        self.random = tf.random.Generator.from_seed(1)

    def __call__(self, x, training=False):
        if not training:
            return x
        kept = self.random.uniform(tf.shape(x)) > 0.5
        return 2 * x * tf.cast(kept, x.dtype)


class Embedding(tf.Module):
    def __init__(self):
        super().__init__()
        self.table = tf.Variable(tf.random.normal((7, 3)), name="table")

    def __call__(self, tokens):
        return tf.gather(self.table, tokens)


class TwoOutputs(tf.Module):
    def __call__(self, x):
        return {"sum": x + 1.0, "square": x * x}


@tf.custom_gradient
def square(x):
    return x * x, lambda upstream: 2 * x * upstream


@tf.custom_gradient
def matmul(x, w):
    def grad(upstream):
        return upstream @ tf.transpose(w), tf.transpose(x) @ upstream

    return x @ w, grad


@tf.function
def traced_softplus(x):
    return tf.math.softplus(x)


def softmax(x):
    return tf.nn.softmax(x)


def normalised(x):
    return x / tf.norm(tf.concat([x, tf.ones_like(x[:, :1])], 1), axis=-1, keepdims=True)


def noisy(x, training=False):
    if not training:
        return x
    return x + tf.random.normal(tf.shape(x), dtype=x.dtype)


def attention(query, key, value):
    scores = tf.matmul(query, key, transpose_b=True)
    return tf.matmul(tf.nn.softmax(scores), value)


def fourier(x):
    z = tf.signal.fft(tf.complex(x, tf.zeros_like(x)))
    return tf.math.real(z) + tf.math.imag(z)


LAYERS = {
    "Dense": (Dense, ("BC:6,5",), {}),
    "a traced call": (Traced, ("BC:6,5",), {}),
    "modules in a list": (Stacked, ("BC:6,5",), {}),
    "Convolution": (Convolution, ("BSSC:3,4,4,2",), {}),
    "Recurrent": (Recurrent, ("BTC:3,4,2",), {}),
    "RunningMean": (RunningMean, ("BC:6,5",), {}),
    "Dropout": (Dropout, ("BC:16,8",), {}),
    "Embedding": (Embedding, ("BT:4,5",), {"integers": (0, 7)}),
    "two outputs": (TwoOutputs, ("BC:6,5",), {}),
    "square": (lambda: square, ("BC:6,5",), {}),
    "matmul": (lambda: matmul, ("BC:6,5", "UU:5,3"), {}),
    "a traced function": (lambda: traced_softplus, ("BC:6,5",), {}),
    "softmax": (lambda: softmax, ("BC:6,5",), {}),
    "normalised": (lambda: normalised, ("BC:6,5",), {}),
    "noisy": (lambda: noisy, ("BC:6,5",), {}),
    "attention": (lambda: attention, ("BTC:2,3,4", "BTC:2,5,4", "BTC:2,5,2"), {}),
    "fourier": (lambda: fourier, ("BC:6,4",), {}),
}
