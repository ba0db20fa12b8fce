"""Backward updates the weights itself, with a learning rate or an optimizer."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Dense:
    """One observation as a column, weights on the left."""

    def __init__(self, input_size, output_size):
        self.weights = normal(output_size, input_size)
        self.bias = normal(output_size, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return input_gradient


class DenseBatch(Dense):
    """Columns are observations."""

    def backward(self, output_gradient, learning_rate):
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * np.dot(output_gradient, self.input.T)
        self.bias -= learning_rate * output_gradient.sum(axis=1, keepdims=True)
        return input_gradient


class DenseUpdatesBeforeDx(DenseBatch):
    def backward(self, output_gradient, learning_rate):
        super().backward(output_gradient, learning_rate)
        return np.dot(self.weights.T, output_gradient)


class DenseClimbs(DenseBatch):
    def backward(self, output_gradient, learning_rate):
        return super().backward(output_gradient, -learning_rate)


class DenseBiasGrows(DenseBatch):
    """The update of one observation, fed a batch."""

    def backward(self, output_gradient, learning_rate):
        bias = self.bias.copy()
        input_gradient = super().backward(output_gradient, learning_rate)
        self.bias = bias - learning_rate * output_gradient
        return input_gradient


class DenseForgetsToUpdateTheBias(DenseBatch):
    def backward(self, output_gradient, learning_rate):
        bias = self.bias.copy()
        input_gradient = super().backward(output_gradient, learning_rate)
        self.bias = bias
        return input_gradient


class Conv:
    """Rows are observations; the kernel slides along the only spatial axis."""

    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, input):
        self.input = input
        width = input.shape[1] - len(self.kernel) + 1
        return sum(k * input[:, i : i + width] for i, k in enumerate(self.kernel))

    def backward(self, output_gradient, lr):
        width = output_gradient.shape[1]
        dx = np.zeros_like(self.input)
        gradient = np.zeros_like(self.kernel)
        for i, k in enumerate(self.kernel):
            dx[:, i : i + width] += k * output_gradient
            gradient[i] = np.sum(output_gradient * self.input[:, i : i + width])
        self.kernel = self.kernel - lr * self._of(gradient)
        return dx

    def _of(self, gradient):
        return gradient


class ConvStepsByTheMean(Conv):
    """One number for all weights."""

    def _of(self, gradient):
        return np.full_like(gradient, gradient.mean())


class Sgd:
    def __init__(self, learning_rate=0.1):
        self.learning_rate = learning_rate

    def calculate_update(self, weights, gradient):
        return weights - self.learning_rate * gradient


class FullyConnected:
    """The bias is the last row of the weights, as in the exercises of FAU."""

    def __init__(self, input_size, output_size):
        self.weights = normal(input_size + 1, output_size)
        self._optimizer = None
        self._gradient_weights = None

    @property
    def optimizer(self):
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer):
        self._optimizer = optimizer

    @property
    def gradient_weights(self):
        return self._gradient_weights

    def forward(self, input_tensor):
        ones = np.ones((len(input_tensor), 1), input_tensor.dtype)
        self.input_tensor = np.hstack([input_tensor, ones])
        return self.input_tensor @ self.weights

    def backward(self, error_tensor):
        previous = error_tensor @ self.weights[:-1].T
        self._gradient_weights = self.input_tensor.T @ error_tensor
        if self._optimizer is not None:
            self.weights = self._optimizer.calculate_update(self.weights, self._gradient_weights)
        return previous


class FullyConnectedWithSgd(FullyConnected):
    def __init__(self, input_size, output_size):
        super().__init__(input_size, output_size)
        self.optimizer = Sgd()


class FullyConnectedForgetsBiasRow(FullyConnected):
    def backward(self, error_tensor):
        previous = super().backward(error_tensor)
        self._gradient_weights[-1] = 0
        return previous


class FullyConnectedUpdatesFirst(FullyConnectedWithSgd):
    def backward(self, error_tensor):
        super().backward(error_tensor)
        return error_tensor @ self.weights[:-1].T


_SIZES = {"input_size": 6, "output_size": 3}
_KERNEL = {"kernel": normal(3)}

CORRECT = (
    right(Dense, "CU:6,1", init=_SIZES, note="One observation, no B."),
    right(DenseBatch, "CB:6,4", init=_SIZES),
    right(Conv, "BS:4,7", init=_KERNEL),
    right(FullyConnected, "BC:4,6", init=_SIZES),
    right(FullyConnectedWithSgd, "BC:4,6", init=_SIZES),
)

BROKEN = (
    wrong(
        DenseUpdatesBeforeDx,
        "CB:6,4",
        init=_SIZES,
        fails="gradients.input:input gradients.linear_in_upstream "
        "batch.input_gradients_independent",
        note="The updated weights depend on the upstream gradient of every observation.",
    ),
    wrong(
        DenseClimbs,
        "CB:6,4",
        init=_SIZES,
        fails="gradients.learnable:weights gradients.learnable:bias",
    ),
    wrong(DenseBiasGrows, "CB:6,4", init=_SIZES, fails="shapes.gradients"),
    wrong(
        DenseForgetsToUpdateTheBias,
        "CB:6,4",
        init=_SIZES,
        fails="gradients.learnable:bias gradients.reaches_all_learnables",
    ),
    wrong(ConvStepsByTheMean, "BS:4,7", init=_KERNEL, fails="gradients.learnable:kernel"),
    wrong(FullyConnectedForgetsBiasRow, "BC:4,6", init=_SIZES, fails="gradients.learnable:weights"),
    wrong(
        FullyConnectedUpdatesFirst,
        "BC:4,6",
        init=_SIZES,
        fails="gradients.input:input_tensor gradients.linear_in_upstream "
        "batch.input_gradients_independent",
    ),
)
