from __future__ import annotations

import numpy as np
import pytest

from layercheck.recognition import FunctionPair
from tests.conventions.driven import run, subject_of


class FnGrad:
    def fn(self, z):
        return np.tanh(z)

    def grad(self, x):
        return 1 - np.tanh(x) ** 2


class CallGradient:
    def __call__(self, x):
        return np.tanh(x)

    def gradient(self, x):
        return 1 - self(x) ** 2


class FDf:
    def f(self, x):
        return np.tanh(x)

    def df(self, x):
        return 1 - np.tanh(x) ** 2


class ForwardDerivative:
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x):
        return 1 - np.tanh(x) ** 2


def tanh(x):
    return np.tanh(x)


def tanh_prime(x):
    return 1 - np.tanh(x) ** 2


@pytest.mark.parametrize(
    "layer",
    [
        FnGrad(),
        CallGradient(),
        FDf(),
        ForwardDerivative(),
        FunctionPair("tanh", tanh, tanh_prime, derivative=True),
    ],
)
def test_derivative_is_multiplied_with_the_upstream_gradient(layer):
    subject = subject_of(layer, "BC:4,6")
    found = run(subject)

    assert subject.convention == "derivative"
    np.testing.assert_allclose(found.outputs[0], np.tanh(found.inputs[0]))
    np.testing.assert_allclose(
        found.input_gradients[0], found.upstream[0] * (1 - np.tanh(found.inputs[0]) ** 2)
    )


class BackwardIsTheDerivative:
    def forward(self, x):
        return np.tanh(x)

    def backward(self, x):
        return 1 - np.tanh(x) ** 2


def test_derivative_called_backward_gets_the_upstream_gradient():
    subject = subject_of(BackwardIsTheDerivative(), "BC:4,6")
    found = run(subject)

    assert subject.convention == "stateful"
    np.testing.assert_allclose(found.input_gradients[0], 1 - np.tanh(found.upstream[0]) ** 2)


class Line:
    def fn(self, z):
        return 3 * z

    def grad(self, x):
        return 3.0


def test_derivative_may_be_a_number():
    found = run(subject_of(Line(), "BC:4,6"))

    np.testing.assert_array_equal(found.input_gradients[0], 3 * found.upstream[0])
