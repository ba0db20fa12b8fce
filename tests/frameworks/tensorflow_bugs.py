"""Modules and functions of TensorFlow that are wrong on purpose, as people get them wrong."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


@tf.custom_gradient
def forgets_upstream(x):
    def grad(upstream):
        return 2 * x

    return x * x, grad


@tf.custom_gradient
def flips_sign(x):
    def grad(upstream):
        return upstream * tf.sin(x)

    return tf.cos(x), grad


@tf.custom_gradient
def averages(x, w):
    def grad(upstream):
        rows = tf.cast(tf.shape(x)[0], x.dtype)
        return upstream @ tf.transpose(w), tf.transpose(x) @ upstream / rows

    return x @ w, grad


@tf.custom_gradient
def clips_wrongly(x):
    def grad(upstream):
        return upstream

    return tf.clip_by_value(x, -1.0, 1.0), grad


@tf.custom_gradient
def wrong_shape(x):
    def grad(upstream):
        return tf.reduce_sum(upstream, axis=0)

    return x * 3.0, grad


def leaks_between_observations(x):
    return x / tf.reduce_sum(tf.abs(x))


def overflows(x):
    return tf.math.log(1.0 + tf.exp(x))


def divides_by_norm(x):
    return x / tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))


def detached(x):
    return x * tf.stop_gradient(tf.sigmoid(x))


class Detached(tf.Module):
    """The weight is read as a NumPy array."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones(5), name="w")

    def __call__(self, x):
        return x * self.w.numpy()


class Hidden(tf.Module):
    """The variable is in an object that is no module."""

    class Box:
        pass

    def __init__(self):
        super().__init__()
        self.box = Hidden.Box()
        self.box.w = tf.Variable(tf.fill((5,), 2.0), name="w")

    def __call__(self, x):
        return x * tf.cast(self.box.w, x.dtype)


class StaticBatch(tf.Module):
    """Reshapes by the batch size that it was traced with."""

    def __call__(self, x):
        return tf.reshape(x, (int(x.shape[0]), 10))


class Counts(tf.Module):
    """Scales by a Python number that each call changes."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x * (1.0 + self.calls)


class UpdatesInPredict(tf.Module):
    """Updates its running mean in every pass."""

    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(tf.zeros(5), trainable=False, name="mean")

    def __call__(self, x, training=False):
        self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, axis=0))
        return x - self.mean


class PyFunction(tf.Module):
    """Computes in NumPy, where no graph can go."""

    def __call__(self, x):
        y = tf.numpy_function(np.tanh, [x], x.dtype)
        y.set_shape(x.shape)
        return y


class HostRandom(tf.Module):
    """Draws from NumPy, whose numbers a traced function keeps."""

    def __call__(self, x, training=False):
        if not training:
            return x
        return x * (np.random.rand(*x.shape) < 0.5)


BUGS = {
    "forgets-upstream": (lambda: forgets_upstream, ("BC:6,5",)),
    "flips-sign": (lambda: flips_sign, ("BC:6,5",)),
    "averages": (lambda: averages, ("BC:6,5", "UU:5,3")),
    "clips-wrongly": (lambda: clips_wrongly, ("BC:6,5",)),
    "wrong-shape": (lambda: wrong_shape, ("BC:6,5",)),
    "leaks": (lambda: leaks_between_observations, ("BC:6,5",)),
    "overflows": (lambda: overflows, ("BC:6,5",)),
    "divides-by-norm": (lambda: divides_by_norm, ("BC:6,5",)),
    "detached": (lambda: detached, ("BC:6,5",)),
    "detached-weight": (Detached, ("BC:6,5",)),
    "hidden-variable": (Hidden, ("BC:6,5",)),
    "static-batch": (StaticBatch, ("BTC:6,5,2",)),
    "counts-calls": (Counts, ("BC:6,5",)),
    "updates-in-predict": (UpdatesInPredict, ("BC:6,5",)),
    "py-function": (PyFunction, ("BC:6,5",)),
    "host-random": (HostRandom, ("BC:16,8",)),
}

# what each must fail: no check less, and none more
FAILS = {
    "forgets-upstream": {"gradients.input:x", "gradients.linear_in_upstream"},
    "flips-sign": {"gradients.input:x"},
    "averages": {"batch.input_gradients_independent", "gradients.input:w"},
    "clips-wrongly": {"gradients.input:x"},
    "wrong-shape": {"shapes.gradients"},
    "leaks": {"batch.observations_independent", "batch.other_batch_sizes", "numerics.zeros"},
    "overflows": {"numerics.large_values"},
    "divides-by-norm": {"numerics.zeros"},
    "detached": {"gradients.input:x"},
    "detached-weight": {
        "gradients.learnable:w",
        "gradients.reaches_all_learnables",
        "tensorflow.graph_agrees",
        "tensorflow.saved_model",
        "tensorflow.unknown_batch_size",
    },
    "hidden-variable": {"tensorflow.saved_model", "tensorflow.variables_tracked"},
    "static-batch": {"tensorflow.unknown_batch_size"},
    "counts-calls": {"purity.deterministic", "tensorflow.graph_agrees"},
    "updates-in-predict": {
        "batch.observations_independent",
        "batch.other_batch_sizes",
        "gradients.input:x",
    },
    "py-function": {"gradients.autodiff", "gradients.input:x"},
    "host-random": {"state.training_mean"},
}
