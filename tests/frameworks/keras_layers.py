"""Layers of Keras itself, with natural layouts: all of them are right."""

from __future__ import annotations

from dataclasses import dataclass, field

import keras
from keras import layers


@dataclass(frozen=True)
class Entry:
    """A layer, its layouts, and what `check_layer` is told besides."""

    make: object
    layouts: tuple[str, ...]
    options: dict = field(default_factory=dict)
    fails: dict = field(default_factory=dict)  # id -> why that is a property of the layer
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")


def entry(make, *layouts, fails=None, backends=Entry.backends, **options):
    return Entry(make, layouts, options, fails or {}, backends)


def functional():
    x = keras.Input((4, 6))
    y = layers.Conv1D(3, 2, padding="same", activation="tanh")(x)
    return keras.Model(x, layers.Dense(2)(layers.Concatenate()([x, y])))


def two_inputs():
    a, b = keras.Input((5,), name="left"), keras.Input((3,), name="right")
    return keras.Model([a, b], layers.Dense(2)(layers.Concatenate()([a, b])))


def two_outputs():
    x = keras.Input((5,))
    return keras.Model(x, {"mean": layers.Dense(2)(x), "log": layers.Dense(2, "softplus")(x)})


def sequential():
    return keras.Sequential(
        [layers.Dense(4, activation="relu"), layers.Dropout(0.5), layers.Dense(2)]
    )


# reasons why a failure is a property of the layer; on the backends named
MOMENTS = {
    "gradients.second_order": "tf.nn.moments stops the gradient of the mean inside the variance: "
    "its derivative is right, and the derivative of that is not (tensorflow)"
}
PARTS = {
    "gradients.input:inputs": "x and alpha x are added as two relus, whose derivatives at 0 are 0: "
    "so is their sum, between which slopes alpha and 1 it does not lie (tensorflow, jax, torch)"
}
POWER = {
    "gradients.learnable:kernel": "the singular vectors are constants of the gradient, and change "
    "with the kernel (tensorflow, jax, torch)",
    "purity.learnables_unchanged": "training divides the kernel by its norm (tensorflow, jax, "
    "torch)",
}
RESIZED = {
    "gradients.second_order": "the gradient of tf.image.resize has none of its own (tensorflow)",
    "gradients.forward_mode": "and so tf.image.resize has no forward mode (tensorflow)",
}
PREPARED = {
    "keras.mixed_precision": "a layer of preprocessing, it returns float32 whatever the policy "
    "(tensorflow, jax, torch)"
}
# on JAX the scan over the steps is compiled anew in every call: minutes
SCANNED = ("tensorflow", "torch")
POOLED = "BSSC:4,6,6,3"
LAYERS = {
    "Dense": entry(lambda: layers.Dense(3), "BC:6,5"),
    "Dense with relu": entry(lambda: layers.Dense(3, activation="relu"), "BTC:3,4,5"),
    "EinsumDense": entry(
        lambda: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d"), "BTC:3,4,5"
    ),
    "Conv1D": entry(lambda: layers.Conv1D(3, 2), "BTC:4,6,3"),
    "Conv1D causal": entry(lambda: layers.Conv1D(3, 2, padding="causal"), "BTC:4,6,3"),
    "Conv2D": entry(lambda: layers.Conv2D(3, 3, strides=2, padding="same"), "BSSC:4,5,5,2"),
    "Conv2D dilated": entry(lambda: layers.Conv2D(2, 2, dilation_rate=2), "BSSC:4,5,5,2"),
    "Conv2D in groups": entry(
        # on the CPU, Keras compiles it with XLA anew in every call of TensorFlow: minutes
        lambda: layers.Conv2D(4, 2, groups=2),
        "BSSC:3,4,4,4",
        backends=("jax", "torch"),
    ),
    "Conv3D": entry(lambda: layers.Conv3D(2, 2), "BSSSC:3,3,4,3,2"),
    "Conv1DTranspose": entry(lambda: layers.Conv1DTranspose(2, 3, strides=2), "BTC:3,4,3"),
    "Conv2DTranspose": entry(lambda: layers.Conv2DTranspose(2, 3, strides=2), "BSSC:3,3,3,2"),
    "Conv3DTranspose": entry(lambda: layers.Conv3DTranspose(2, 2), "BSSSC:2,2,3,2,2"),
    "DepthwiseConv1D": entry(lambda: layers.DepthwiseConv1D(2, depth_multiplier=2), "BTC:4,6,3"),
    "DepthwiseConv2D": entry(lambda: layers.DepthwiseConv2D(2), "BSSC:3,4,4,3"),
    "SeparableConv1D": entry(lambda: layers.SeparableConv1D(3, 2), "BTC:4,6,3"),
    "SeparableConv2D": entry(lambda: layers.SeparableConv2D(3, 2), "BSSC:3,4,4,2"),
    "MaxPooling1D": entry(lambda: layers.MaxPooling1D(2), "BTC:4,6,3"),
    "MaxPooling2D": entry(lambda: layers.MaxPooling2D(2), POOLED),
    "MaxPooling3D": entry(lambda: layers.MaxPooling3D(2), "BSSSC:2,4,4,4,2"),
    "AveragePooling1D": entry(lambda: layers.AveragePooling1D(2), "BTC:4,6,3"),
    "AveragePooling2D": entry(lambda: layers.AveragePooling2D(3, 2, "same"), POOLED),
    "AveragePooling3D": entry(lambda: layers.AveragePooling3D(2), "BSSSC:2,4,4,4,2"),
    "GlobalMaxPooling1D": entry(lambda: layers.GlobalMaxPooling1D(), "BTC:4,6,3"),
    "GlobalMaxPooling2D": entry(lambda: layers.GlobalMaxPooling2D(), POOLED),
    "GlobalAveragePooling1D": entry(lambda: layers.GlobalAveragePooling1D(), "BTC:4,6,3"),
    "GlobalAveragePooling2D": entry(lambda: layers.GlobalAveragePooling2D(keepdims=True), POOLED),
    "BatchNormalization": entry(lambda: layers.BatchNormalization(), "BC:8,3", fails=MOMENTS),
    "BatchNormalization of images": entry(
        lambda: layers.BatchNormalization(), "BSSC:4,3,3,2", fails=MOMENTS
    ),
    "LayerNormalization": entry(lambda: layers.LayerNormalization(), "BTC:3,4,5", fails=MOMENTS),
    "GroupNormalization": entry(
        lambda: layers.GroupNormalization(2), "BSSC:3,4,4,4", fails=MOMENTS
    ),
    "RMSNormalization": entry(lambda: layers.RMSNormalization(), "BTC:3,4,5"),
    "UnitNormalization": entry(lambda: layers.UnitNormalization(), "BC:6,5"),
    "SpectralNormalization": entry(
        lambda: layers.SpectralNormalization(layers.Dense(3)), "BC:6,5", fails=POWER
    ),
    "SimpleRNN": entry(lambda: layers.SimpleRNN(3), "BTC:3,4,2", backends=SCANNED),
    "LSTM": entry(lambda: layers.LSTM(3, return_sequences=True), "BTC:3,4,2", backends=SCANNED),
    "LSTM with its states": entry(
        lambda: layers.LSTM(3, return_state=True), "BTC:3,4,2", backends=SCANNED
    ),
    "LSTM stateful": entry(lambda: layers.LSTM(3, stateful=True), "BTC:3,4,2", backends=SCANNED),
    "GRU": entry(lambda: layers.GRU(3), "BTC:3,4,2", backends=SCANNED),
    "GRU reset before": entry(
        lambda: layers.GRU(3, reset_after=False), "BTC:3,4,2", backends=SCANNED
    ),
    "Bidirectional": entry(
        lambda: layers.Bidirectional(layers.GRU(2)), "BTC:3,4,2", backends=SCANNED
    ),
    "ConvLSTM1D": entry(lambda: layers.ConvLSTM1D(2, 2), "BTSC:2,3,4,2", backends=SCANNED),
    "TimeDistributed": entry(
        lambda: layers.TimeDistributed(layers.Dense(3)), "BTC:3,4,2", backends=SCANNED
    ),
    "RNN of a cell": entry(lambda: layers.RNN(layers.LSTMCell(3)), "BTC:3,4,2", backends=SCANNED),
    "Attention": entry(lambda: layers.Attention(use_scale=True), "BTC:3,4,5", "BTC:3,6,5"),
    "AdditiveAttention": entry(lambda: layers.AdditiveAttention(), "BTC:3,4,5", "BTC:3,6,5"),
    "MultiHeadAttention": entry(
        lambda: layers.MultiHeadAttention(2, 3), "query=BTC:3,4,5", "value=BTC:3,6,5"
    ),
    "GroupQueryAttention": entry(
        lambda: layers.GroupQueryAttention(3, 4, 2), "query=BTC:3,4,5", "value=BTC:3,6,5"
    ),
    "Add": entry(lambda: layers.Add(), "BC:6,5", "BC:6,5"),
    "Subtract": entry(lambda: layers.Subtract(), "BC:6,5", "BC:6,5"),
    "Multiply": entry(lambda: layers.Multiply(), "BC:6,5", "BC:6,5", "BC:6,5"),
    "Average": entry(lambda: layers.Average(), "BC:6,5", "BC:6,5"),
    "Maximum": entry(lambda: layers.Maximum(), "BC:6,5", "BC:6,5"),
    "Minimum": entry(lambda: layers.Minimum(), "BC:6,5", "BC:6,5"),
    "Concatenate": entry(lambda: layers.Concatenate(), "BC:6,5", "BC:6,3"),
    "Dot": entry(lambda: layers.Dot(axes=1), "BC:6,5", "BC:6,5"),
    "Flatten": entry(lambda: layers.Flatten(), "BSSC:4,3,2,2"),
    "Reshape": entry(lambda: layers.Reshape((6, 2)), "BTC:3,4,3"),
    "Permute": entry(lambda: layers.Permute((2, 1)), "BTC:3,4,5"),
    "RepeatVector": entry(lambda: layers.RepeatVector(3), "BC:4,5"),
    "Cropping2D": entry(lambda: layers.Cropping2D(1), "BSSC:3,4,4,2"),
    "ZeroPadding2D": entry(lambda: layers.ZeroPadding2D((1, 2)), "BSSC:3,3,3,2"),
    "UpSampling1D": entry(lambda: layers.UpSampling1D(2), "BTC:3,4,2"),
    "UpSampling2D": entry(lambda: layers.UpSampling2D(2), "BSSC:2,3,3,2"),
    "UpSampling2D bilinear": entry(
        lambda: layers.UpSampling2D(2, interpolation="bilinear"), "BSSC:2,3,3,2", fails=RESIZED
    ),
    "ReLU": entry(lambda: layers.ReLU(max_value=1.5, threshold=0.25), "BC:6,5"),
    "LeakyReLU": entry(lambda: layers.LeakyReLU(), "BC:6,5"),
    "PReLU": entry(lambda: layers.PReLU(shared_axes=[1, 2]), "BSSC:3,4,4,2", fails=PARTS),
    "ELU": entry(lambda: layers.ELU(), "BC:6,5"),
    "Softmax": entry(lambda: layers.Softmax(), "BC:6,5"),
    "Activation gelu": entry(lambda: layers.Activation("gelu"), "BC:6,5"),
    "Activation swish": entry(lambda: layers.Activation("swish"), "BC:6,5"),
    "Dropout": entry(lambda: layers.Dropout(0.4), "BC:16,8"),
    "SpatialDropout1D": entry(lambda: layers.SpatialDropout1D(0.4), "BTC:6,4,5"),
    "SpatialDropout2D": entry(lambda: layers.SpatialDropout2D(0.4), "BSSC:6,3,3,4"),
    "AlphaDropout": entry(lambda: layers.AlphaDropout(0.3), "BC:16,8"),
    "GaussianDropout": entry(lambda: layers.GaussianDropout(0.3), "BC:16,8"),
    "GaussianNoise": entry(lambda: layers.GaussianNoise(0.3), "BC:16,8"),
    "ActivityRegularization": entry(lambda: layers.ActivityRegularization(l2=0.1), "BC:6,5"),
    "Embedding": entry(lambda: layers.Embedding(7, 3), "BT:4,5", integers=(0, 7)),
    "Rescaling": entry(lambda: layers.Rescaling(0.5, offset=1.0), "BSSC:3,4,4,2"),
    "Resizing": entry(lambda: layers.Resizing(3, 5), "BSSC:2,4,4,2", fails=RESIZED),
    "CenterCrop": entry(lambda: layers.CenterCrop(2, 3), "BSSC:2,4,5,2"),
    "Normalization": entry(
        lambda: layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0]), "BC:6,2", fails=PREPARED
    ),
    "Identity": entry(lambda: layers.Identity(), "BC:6,5"),
    "Masking": entry(lambda: layers.Masking(0.0), "BTC:3,4,2"),
    "a sequential model": entry(sequential, "BC:6,5"),
    "a functional model": entry(functional, "BTC:3,4,6"),
    "a model with two inputs": entry(two_inputs, "BC:6,5", "BC:6,3"),
    "a model with two outputs": entry(two_outputs, "BC:6,5"),
}
