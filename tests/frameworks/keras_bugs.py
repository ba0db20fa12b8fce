"""Layers for Keras that are wrong on purpose, as people get them wrong."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops


class Forgets(layers.Layer):
    """get_config leaves `scale` out."""

    def __init__(self, units=3, scale=1.0, **options):
        super().__init__(**options)
        self.units, self.scale = units, scale

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, x):
        return self.scale * ops.matmul(x, self.kernel)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Detached(layers.Layer):
    """The weight is read through NumPy, so it is never trained."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return x * ops.stop_gradient(self.scale)


class WrongShape(layers.Layer):
    """compute_output_shape forgets that the last axis changes."""

    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units
        self.dense = layers.Dense(units)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)

    def compute_output_shape(self, shape):
        return shape


class StaticBatch(layers.Layer):
    """Reshapes by the batch size that it saw."""

    def call(self, x):
        return ops.reshape(x, (int(x.shape[0]), -1))


class MaskedMean(layers.Layer):
    """Averages over the padded steps, too."""

    def __init__(self, **options):
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x, mask=None):
        return ops.mean(x, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None


class KeepsMask(layers.Layer):
    """Hands on a mask for steps that the output does not have."""

    def __init__(self, **options):
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x):
        return x[:, ::2]

    def compute_mask(self, inputs, mask=None):
        return mask


class Float32(layers.Layer):
    """Computes in float32 whatever the policy says."""

    def call(self, x):
        return ops.tanh(ops.cast(x, "float32"))


class AlwaysTrains(layers.Layer):
    """Drops out unless it is told not to."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dropout = layers.Dropout(0.5, seed=1)

    def call(self, x, training=True):
        return self.dropout(x, training=training)


class HiddenWeights(layers.Layer):
    """Keeps a variable where Keras does not look."""

    class Box:
        pass

    def build(self, shape):
        self.box = HiddenWeights.Box()
        self.box.scale = keras.Variable(np.full(shape[-1], 2.0, "float32"), name="scale")

    def call(self, x):
        return x * self.box.scale


class BatchMean(layers.Layer):
    """Subtracts the mean of the batch where that of the features was meant."""

    def call(self, x):
        return x - ops.mean(x, axis=0, keepdims=True)


class Counts(layers.Layer):
    """Scales by how often it was called, in a Python number."""

    def __init__(self, **options):
        super().__init__(**options)
        self.calls = 0

    def call(self, x):
        self.calls += 1
        return x * (1.0 + self.calls)


class LooksAtValues(layers.Layer):
    """Branches on a value in Python."""

    def call(self, x):
        if float(ops.convert_to_numpy(ops.sum(x))) > 1e6:
            return x * 2.0
        return ops.tanh(x)


class UnstableSoftmax(layers.Layer):
    """Overflows at large inputs."""

    def call(self, x):
        e = ops.exp(x)
        return e / ops.sum(e, axis=-1, keepdims=True)


class UpdatesInPredict(layers.Layer):
    """Updates its running mean in every pass."""

    def build(self, shape):
        self.mean = self.add_weight(
            shape=(shape[-1],), initializer="zeros", trainable=False, name="mean"
        )

    def call(self, x, training=False):
        batch = ops.mean(x, axis=0)
        self.mean.assign(0.9 * self.mean + 0.1 * batch)
        return x - batch if training else x - self.mean


class UnscaledDropout(layers.Layer):
    """Does not divide by the share that is kept."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        if not training:
            return x
        kept = keras.random.uniform(ops.shape(x), seed=self.seed) > 0.5
        return x * ops.cast(kept, x.dtype)


@ops.custom_gradient
def _leaky(x):
    def gradient(*args, upstream=None):
        (upstream,) = args or (upstream,)
        return upstream * ops.where(x > 0, 1.0, 0.2)

    return ops.where(x > 0, x, 0.1 * x), gradient


class WrongGradient(layers.Layer):
    """Its own gradient has another slope than the function."""

    def call(self, x):
        return _leaky(x)


BUGS = {
    "forgets-argument": (lambda: Forgets(3, 2.0), ("BC:6,5",)),
    "detached-weight": (Detached, ("BC:6,5",)),
    "wrong-output-shape": (WrongShape, ("BC:6,5",)),
    "static-batch": (StaticBatch, ("BTC:3,4,2",)),
    "masked-mean": (MaskedMean, ("BTC:3,4,2",)),
    "keeps-mask": (KeepsMask, ("BTC:3,4,2",)),
    "float32": (Float32, ("BC:6,5",)),
    "always-trains": (AlwaysTrains, ("BC:16,8",)),
    "hidden-weights": (HiddenWeights, ("BC:6,5",)),
    "batch-mean": (BatchMean, ("BC:6,5",)),
    "counts-calls": (Counts, ("BC:6,5",)),
    "looks-at-values": (LooksAtValues, ("BC:6,5",)),
    "unstable-softmax": (UnstableSoftmax, ("BC:6,5",)),
    "updates-in-predict": (UpdatesInPredict, ("BC:6,5",)),
    "unscaled-dropout": (UnscaledDropout, ("BC:16,8",)),
    "wrong-gradient": (WrongGradient, ("BC:6,5",)),
}

# what each must fail: no check less, and none more
FAILS = {
    "forgets-argument": {"keras.config_round_trip"},
    "detached-weight": {
        "gradients.learnable:scale",
        "gradients.reaches_all_learnables",
    },
    "wrong-output-shape": {"keras.compute_output_shape", "keras.compute_output_spec"},
    "static-batch": {"keras.compute_output_spec"},
    "masked-mean": {"keras.masks"},
    "keeps-mask": {"keras.masks"},
    "float32": {"keras.mixed_precision"},
    "always-trains": {"keras.training_argument"},
    "hidden-weights": {"keras.weights_tracked"},
    "batch-mean": {"batch.observations_independent", "batch.other_batch_sizes"},
    "counts-calls": {"keras.graph_agrees", "purity.deterministic"},
    "looks-at-values": {"keras.compute_output_spec", "keras.graph_agrees"},
    "unstable-softmax": {"numerics.large_values"},
    "updates-in-predict": {
        "batch.observations_independent",
        "batch.other_batch_sizes",
        "state.predict_leaves_statistics",
    },
    "unscaled-dropout": {"state.training_mean"},
    "wrong-gradient": {"gradients.input:x"},
}
