"""Inputs of integers, and layers that draw random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conventions.driven import gradient_places, run, subject_of

_rng = np.random.default_rng(5)


class Embedding:
    def __init__(self):
        self.W = np.random.default_rng(0).normal(size=(9, 3))

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)
        return


class EmbeddingReturns(Embedding):
    def backward(self, dout):
        super().backward(dout)
        dW = self.dW
        del self.dW
        return dW


@pytest.mark.parametrize(
    ("layer", "place"),
    [(Embedding(), "attribute dW"), (EmbeddingReturns(), "returned by backward()")],
)
def test_integer_input_has_no_gradient(layer, place):
    subject = subject_of(layer, "BT:4,5")
    tokens = np.random.default_rng(1).integers(0, 9, size=(4, 5))
    found = run(subject, inputs=(tokens,))

    expected = np.zeros((9, 3))
    for token, gradient in zip(tokens.ravel(), found.upstream[0].reshape(-1, 3), strict=True):
        expected[token] += gradient
    assert gradient_places(subject) == {"W": place}
    assert found.input_gradients == (None,)
    np.testing.assert_allclose(found.gradients["W"], expected)


class Gather:
    def forward(self, x, idx):
        self.shape, self.idx = x.shape, idx
        return np.take_along_axis(x, idx, axis=1)

    def backward(self, dout):
        dx = np.zeros(self.shape, dout.dtype)
        rows = np.arange(len(dx))[:, None]
        np.add.at(dx, (rows, self.idx), dout)
        return dx


class GatherReturnsNone(Gather):
    def backward(self, dout):
        return super().backward(dout), None


@pytest.mark.parametrize("layer", [Gather(), GatherReturnsNone()])
def test_integer_input_beside_another_may_be_left_out(layer):
    subject = subject_of(layer, "BC:4,6", "BC:4,2")
    idx = np.array([[0, 0], [1, 2], [5, 3], [4, 4]])
    found = run(subject, inputs=(np.random.default_rng(0).normal(size=(4, 6)), idx))

    assert found.input_gradients[1] is None
    assert found.input_gradients[0][0, 0] == pytest.approx(found.upstream[0][0].sum())


class GlobalDropout:
    def forward(self, x):
        self.mask = np.random.rand(*x.shape) > 0.5
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class OwnDropout(GlobalDropout):
    def __init__(self):
        self.rng = np.random.default_rng(3)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) > 0.5
        return x * self.mask


class ModuleDropout(GlobalDropout):
    def forward(self, x):
        self.mask = _rng.random(x.shape) > 0.5
        return x * self.mask


class Wrapped:
    """Its child draws from a generator of the child's own module."""

    def __init__(self):
        self.inner = ModuleDropout()

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, dout):
        return self.inner.backward(dout)


@pytest.mark.parametrize("layer", [GlobalDropout(), OwnDropout(), ModuleDropout(), Wrapped()])
def test_random_layer_depends_on_the_seed_alone(layer):
    subject = subject_of(layer, "BC:8,6")
    first, again, other = (run(subject, seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.outputs[0], again.outputs[0])
    assert not np.array_equal(first.outputs[0], other.outputs[0])
    np.testing.assert_array_equal(first.input_gradients[0] == 0, first.outputs[0] == 0)


def test_random_generators_of_the_user_are_left_alone():
    layer = OwnDropout()
    before = (
        np.random.get_state()[1].copy(),
        layer.rng.bit_generator.state,
        _rng.bit_generator.state,
    )

    run(subject_of(layer, "BC:8,6"))
    run(subject_of(ModuleDropout(), "BC:8,6"))

    after = np.random.get_state()[1], layer.rng.bit_generator.state, _rng.bit_generator.state
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1:] == after[1:]
