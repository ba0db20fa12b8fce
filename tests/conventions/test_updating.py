from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import QuestionError
from tests.conventions.driven import gradient_places, require_affine, run, subject_of

UPDATE = "the update in backward(), divided by the learning rate"


class Dense:
    def __init__(self):
        self.weights = np.random.default_rng(0).normal(size=(6, 3))
        self.bias = np.zeros(3)

    def forward(self, input):
        self.input = input
        return input @ self.weights + self.bias

    def backward(self, output_gradient, learning_rate):
        return self.step(output_gradient, learning_rate)

    def step(self, output_gradient, rate):
        input_gradient = output_gradient @ self.weights.T
        self.weights = self.weights - rate * self.input.T @ output_gradient
        self.bias -= rate * output_gradient.sum(axis=0)
        return input_gradient


class RateWithDefault(Dense):
    def backward(self, grad, lr=0.01):
        return self.step(grad, lr)


class RateByKeyword(Dense):
    def backward(self, grad, *, eta=0.01):
        return self.step(grad, eta)


@pytest.mark.parametrize("layer", [Dense(), RateWithDefault(), RateByKeyword()])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_updating_gradient_is_the_update_over_the_rate(layer, dtype):
    subject = subject_of(layer, "BC:4,6")
    before = layer.weights.copy()

    if dtype == "float64":
        require_affine(run(subject), "weights", "bias")
    else:
        found = run(subject, dtype=dtype)
        expected = found.inputs[0].T @ found.upstream[0]
        np.testing.assert_allclose(found.gradients["weights"], expected, rtol=1e-5, atol=1e-6)

    assert subject.convention == "updating"
    assert subject.facts.announces_update
    assert gradient_places(subject) == {"weights": UPDATE, "bias": UPDATE}
    np.testing.assert_array_equal(layer.weights, before)


class RateOnTheObject(Dense):
    def __init__(self):
        super().__init__()
        self.learning_rate = 0.01

    def backward(self, grad):
        return self.step(grad, self.learning_rate)


def test_updating_rate_may_be_an_attribute():
    subject = subject_of(RateOnTheObject(), "BC:4,6")

    require_affine(run(subject), "weights", "bias")

    assert subject.facts.announces_update


class LoneEta(Dense):
    """The only argument of backward is the upstream gradient, whatever its name."""

    def backward(self, eta):
        self.dweights = self.input.T @ eta
        self.dbias = eta.sum(axis=0)
        return eta @ self.weights.T


def test_updating_lone_eta_is_the_upstream_gradient():
    subject = subject_of(LoneEta(), "BC:4,6")

    require_affine(run(subject), "weights", "bias")

    assert subject.convention == "stateful"
    assert not subject.facts.announces_update


class ForgetsTheBias(Dense):
    def step(self, output_gradient, rate):
        input_gradient = output_gradient @ self.weights.T
        self.weights -= rate * self.input.T @ output_gradient
        return input_gradient


def test_updating_learnable_left_alone_has_gradient_zero():
    found = run(subject_of(ForgetsTheBias(), "BC:4,6"))

    np.testing.assert_array_equal(found.gradients["bias"], np.zeros(3))


class BiasGrows(Dense):
    def step(self, output_gradient, rate):
        dx = super().step(output_gradient, rate)
        self.bias = self.bias - rate * output_gradient
        return dx


def test_updating_update_of_another_shape_is_kept_for_the_checks():
    assert run(subject_of(BiasGrows(), "BC:4,6")).gradients["bias"].shape == (4, 3)


class HardCodedRate(Dense):
    def backward(self, grad):
        return self.step(grad, 0.01)


class Squared(Dense):
    def backward(self, grad, lr):
        return self.step(grad, lr**2)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [(HardCodedRate(), "by a step that is not known"), (Squared(), "not proportional")],
)
def test_updating_step_that_is_no_rate_times_gradient_is_a_question(layer, reason):
    with pytest.raises(QuestionError) as caught:
        subject_of(layer, "BC:4,6")

    assert reason in str(caught.value)
    assert str(caught.value).endswith("--declare gradient.weights=ATTRIBUTE.")


class Sgd:
    def __init__(self, rate=0.1):
        self.rate = rate

    def calculate_update(self, weights, gradient):
        return weights - self.rate * gradient


class WithOptimizer(Dense):
    method = "calculate_update"

    def __init__(self):
        super().__init__()
        self.optimizer = Sgd()

    def backward(self, grad):
        dx = grad @ self.weights.T
        update = getattr(self.optimizer, self.method)
        self.weights = update(self.weights, self.input.T @ grad)
        self.bias = update(self.bias, grad.sum(axis=0))
        return dx


def test_updating_optimizer_is_replaced_by_a_recorder():
    layer = WithOptimizer()
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "weights", "bias")

    assert subject.convention == "updating"
    assert subject.facts.announces_update
    assert gradient_places(subject)["bias"] == "handed to the optimizer's calculate_update()"
    assert type(layer.optimizer) is Sgd


class UpdatesFirst(WithOptimizer):
    def backward(self, grad):
        super().backward(grad)
        return grad @ self.weights.T


def test_updating_update_before_the_input_gradient_is_seen():
    found = run(subject_of(UpdatesFirst(), "BC:4,6"))

    right = found.upstream[0] @ found.values["weights"].T
    assert np.max(np.abs(found.input_gradients[0] - right)) > 0.1
