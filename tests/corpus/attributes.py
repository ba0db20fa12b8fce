"""Results are attributes, `output` after forward and `dinputs` after backward."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right, wrong


class LayerDense:
    def __init__(self, n_inputs, n_neurons):
        rng = np.random.RandomState(0)
        self.weights = 0.3 * rng.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class LayerDenseBiasGradientLosesAxis(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dbiases = np.sum(dvalues, axis=0)


class LayerDenseWeightsOfOneObservation(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dweights = np.outer(self.inputs[0], dvalues[0])


class LayerDenseNegativeWeightGradient(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dweights = -self.dweights


class LayerDenseInFloat32(LayerDense):
    """Casts everything down, whatever comes in."""

    def forward(self, inputs):
        self.inputs = inputs
        self.output = (np.dot(inputs, self.weights) + self.biases).astype(np.float32)


class LayerDenseAllocatesFloat64(LayerDense):
    """`np.zeros(shape)` without a dtype."""

    def backward(self, dvalues):
        super().backward(dvalues)
        dinputs = np.zeros(self.inputs.shape)
        dinputs += self.dinputs
        self.dinputs = dinputs


class LayerDenseOutputInFloat64(LayerDense):
    def forward(self, inputs):
        super().forward(inputs)
        output = np.zeros(self.output.shape)
        output[:] = self.output
        self.output = output


class ActivationReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class ActivationReLUWithoutCopy(ActivationReLU):
    def backward(self, dvalues):
        self.dinputs = dvalues
        self.dinputs[self.inputs <= 0] = 0


class ActivationReLUForgetsDvalues(ActivationReLU):
    def backward(self, dvalues):
        self.dinputs = np.ones_like(dvalues)
        self.dinputs[self.inputs <= 0] = 0


class ActivationSoftmax:
    def forward(self, inputs):
        powers = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = powers / np.sum(powers, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (single, upstream) in enumerate(zip(self.output, dvalues, strict=True)):
            column = single.reshape(-1, 1)
            jacobian = np.diagflat(column) - np.dot(column, column.T)
            self.dinputs[index] = np.dot(jacobian, upstream)


class ActivationSoftmaxOfFirstObservation(ActivationSoftmax):
    """Uses the Jacobian of observation 0 for all."""

    def backward(self, dvalues):
        column = self.output[0].reshape(-1, 1)
        jacobian = np.diagflat(column) - np.dot(column, column.T)
        self.dinputs = np.dot(dvalues, jacobian)


class LayerDropout:
    def __init__(self, rate=0.4):
        self.keep = 1 - rate

    def forward(self, inputs, training=True):
        self.inputs = inputs
        if not training:
            self.output = inputs.copy()
            return
        self.mask = np.random.binomial(1, self.keep, size=inputs.shape) / self.keep
        self.mask = self.mask.astype(inputs.dtype)
        self.output = inputs * self.mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.mask


class LayerDropoutUnscaled(LayerDropout):
    def forward(self, inputs, training=True):
        super().forward(inputs, training)
        if training:
            self.mask = (self.mask > 0).astype(inputs.dtype)
            self.output = inputs * self.mask


_SIZES = {"n_inputs": 6, "n_neurons": 3}
_X = "gradients.input:inputs"

CORRECT = (
    right(LayerDense, "BC:4,6", init=_SIZES),
    right(ActivationReLU, "BC:4,6"),
    right(ActivationSoftmax, "BC:4,6"),
    right(LayerDropout, "BC:4,6"),
)

BROKEN = (
    wrong(LayerDenseBiasGradientLosesAxis, "BC:4,6", init=_SIZES, fails="shapes.gradients"),
    wrong(
        LayerDenseWeightsOfOneObservation,
        "BC:4,6",
        init=_SIZES,
        fails="gradients.learnable:weights batch.learnable_gradients_additive",
    ),
    wrong(
        LayerDenseNegativeWeightGradient,
        "BC:4,6",
        init=_SIZES,
        fails="gradients.learnable:weights",
    ),
    wrong(LayerDenseInFloat32, "BC:4,6", init=_SIZES, fails="dtypes.outputs"),
    wrong(LayerDenseAllocatesFloat64, "BC:4,6", init=_SIZES, fails="dtypes.gradients"),
    wrong(LayerDenseOutputInFloat64, "BC:4,6", init=_SIZES, fails="dtypes.outputs"),
    wrong(
        ActivationReLUWithoutCopy,
        "BC:4,6",
        fails="purity.upstream_unchanged purity.strided_inputs",
    ),
    wrong(ActivationReLUForgetsDvalues, "BC:4,6", fails=f"{_X} gradients.linear_in_upstream"),
    wrong(
        ActivationSoftmaxOfFirstObservation,
        "BC:4,6",
        fails=f"{_X} batch.input_gradients_independent",
    ),
    wrong(LayerDropoutUnscaled, "BC:4,6", fails="state.training_mean"),
)
