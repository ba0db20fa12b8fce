from __future__ import annotations

import copy

import numpy as np

from tests.conventions.driven import gradient_places, require_affine, run, subject_of


class Dense:
    def __init__(self, n_units):
        self.n_units = n_units
        self.input_shape = None
        self.W = self.w0 = None

    def set_input_shape(self, shape):
        self.input_shape = shape

    def initialize(self, optimizer):
        self.W = np.random.normal(size=(self.input_shape[0], self.n_units))
        self.w0 = np.zeros((1, self.n_units))
        self.W_opt = copy.copy(optimizer)
        self.w0_opt = copy.copy(optimizer)

    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X @ self.W + self.w0

    def backward_pass(self, accum_grad):
        W = self.W
        grad_w0 = np.sum(accum_grad, axis=0, keepdims=True)
        self.W = self.W_opt.update(self.W, self.layer_input.T @ accum_grad)
        self.w0 = self.w0_opt.update(self.w0, grad_w0)
        return accum_grad @ W.T


def test_forward_pass_layer_is_initialised_with_a_recorder():
    layer = Dense(3)
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "W", "w0")

    assert subject.convention == "forward_pass"
    assert subject.facts.announces_update
    assert not subject.facts.one_pass
    assert gradient_places(subject) == {
        "W": "handed to the optimizer's update()",
        "w0": "handed to the optimizer's update()",
    }
    assert layer.W is None
    assert layer.input_shape is None


def test_forward_pass_layer_is_built_for_each_layout():
    subject = subject_of(Dense(3), "BC:4,?")
    wide = tuple(layout.resolved(others=(9,)) for layout in subject.layouts)

    live = subject.build(np.dtype("float64"), wide)

    assert live.learnables()[0].shape == (9, 3)


class Activation:
    def forward_pass(self, X, training=True):
        self.layer_input = X
        return np.tanh(X)

    def backward_pass(self, accum_grad):
        return accum_grad * (1 - np.tanh(self.layer_input) ** 2)


def test_forward_pass_layer_may_have_no_weights():
    found = run(subject_of(Activation(), "BC:4,6"))

    np.testing.assert_allclose(
        found.input_gradients[0], found.upstream[0] * (1 - np.tanh(found.inputs[0]) ** 2)
    )
