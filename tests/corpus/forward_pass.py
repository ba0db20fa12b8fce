"""`forward_pass`, `backward_pass(accum_grad)`, `set_input_shape`, `initialize`."""

from __future__ import annotations

import copy

import numpy as np

from tests.corpus.entry import right, wrong


class Layer:
    def set_input_shape(self, shape):
        self.input_shape = shape

    def layer_name(self):
        return self.__class__.__name__

    def parameters(self):
        return 0

    def forward_pass(self, X, training):
        raise NotImplementedError

    def backward_pass(self, accum_grad):
        raise NotImplementedError

    def output_shape(self):
        raise NotImplementedError


class Dense(Layer):
    def __init__(self, n_units, input_shape=None):
        self.layer_input = None
        self.input_shape = input_shape
        self.n_units = n_units
        self.trainable = True
        self.W = None
        self.w0 = None

    def initialize(self, optimizer):
        limit = 1 / np.sqrt(self.input_shape[0])
        self.W = np.random.uniform(-limit, limit, (self.input_shape[0], self.n_units))
        self.w0 = np.zeros((1, self.n_units))
        self.W_opt = copy.copy(optimizer)
        self.w0_opt = copy.copy(optimizer)

    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X.dot(self.W) + self.w0

    def backward_pass(self, accum_grad):
        W = self.W
        if self.trainable:
            self._update(self.layer_input.T.dot(accum_grad), accum_grad)
        return accum_grad.dot(W.T)

    def _update(self, grad_w, accum_grad):
        self.W = self.W_opt.update(self.W, grad_w)
        self.w0 = self.w0_opt.update(self.w0, np.sum(accum_grad, axis=0, keepdims=True))

    def output_shape(self):
        return (self.n_units,)


class DenseBiasMean(Dense):
    def _update(self, grad_w, accum_grad):
        self.W = self.W_opt.update(self.W, grad_w)
        self.w0 = self.w0_opt.update(self.w0, np.mean(accum_grad, axis=0, keepdims=True))


class DenseTransposed(Dense):
    def _update(self, grad_w, accum_grad):
        super()._update(grad_w.T, accum_grad)


class Activation(Layer):
    def __init__(self):
        self.trainable = True

    def forward_pass(self, X, training=True):
        self.layer_input = X
        return np.tanh(X)

    def backward_pass(self, accum_grad):
        return accum_grad * (1 - np.tanh(self.layer_input) ** 2)

    def output_shape(self):
        return self.input_shape


class ActivationAtOutput(Activation):
    """Applies the function once more before it takes the derivative."""

    def forward_pass(self, X, training=True):
        self.layer_input = np.tanh(X)
        return self.layer_input.copy()


class UpSampling2D(Layer):
    def __init__(self, size=(2, 3)):
        self.trainable = True
        self.size = size

    def forward_pass(self, X, training=True):
        return X.repeat(self.size[0], axis=2).repeat(self.size[1], axis=3)

    def backward_pass(self, accum_grad):
        batch, channels, height, width = accum_grad.shape
        rows, columns = self.size
        blocks = (batch, channels, height // rows, rows, width // columns, columns)
        return accum_grad.reshape(blocks).sum(axis=(3, 5))

    def output_shape(self):
        channels, height, width = self.input_shape
        return channels, self.size[0] * height, self.size[1] * width


class UpSampling2DPicksOne(UpSampling2D):
    def backward_pass(self, accum_grad):
        return accum_grad[:, :, :: self.size[0], :: self.size[1]]


class Dropout(Layer):
    def __init__(self, p=0.2):
        self.p = p
        self._mask = None
        self.trainable = True

    def forward_pass(self, X, training=True):
        if not training:
            return X
        keep = np.random.uniform(size=X.shape) > self.p
        self._mask = keep.astype(X.dtype) / (1 - self.p)
        return X * self._mask

    def backward_pass(self, accum_grad):
        return accum_grad * self._mask

    def output_shape(self):
        return self.input_shape


class DropoutNewMaskInBackward(Dropout):
    def backward_pass(self, accum_grad):
        keep = np.random.uniform(size=accum_grad.shape) > self.p
        return accum_grad * keep / (1 - self.p)


_X = "gradients.input:X"

CORRECT = (
    right(Dense, "BC:4,6", init={"n_units": 3}),
    right(Activation, "BC:4,6"),
    right(UpSampling2D, "BCSS:3,2,5,4"),
    right(Dropout, "BC:4,6"),
)

BROKEN = (
    wrong(
        DenseBiasMean,
        "BC:4,6",
        init={"n_units": 3},
        fails="gradients.learnable:w0 batch.learnable_gradients_additive",
    ),
    wrong(DenseTransposed, "BC:4,6", init={"n_units": 6}, fails="gradients.learnable:W"),
    wrong(ActivationAtOutput, "BC:4,6", fails=_X),
    wrong(UpSampling2DPicksOne, "BCSS:3,2,5,4", fails=_X),
    wrong(DropoutNewMaskInBackward, "BC:4,6", fails=f"{_X} gradients.repeatable"),
)
