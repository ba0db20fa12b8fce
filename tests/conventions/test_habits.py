"""Habits of courses and frameworks, several in one layer each."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import ReturnError, TargetError
from tests.conventions.driven import gradient_places, run, subject_of


def normal(*shape):
    return np.random.default_rng(shape).normal(size=shape)


class ConvKeepsAView:
    """The weights as a matrix are a view of the weights."""

    def __init__(self):
        self.W = normal(3, 2, 2)
        self.trainable = True
        self.W_opt = Steps()

    def forward_pass(self, X, training=True):
        self.layer_input = X
        self.W_col = self.W.reshape(3, -1)
        return X.reshape(len(X), -1) @ self.W_col.T

    def backward_pass(self, accum_grad):
        flat = self.layer_input.reshape(len(accum_grad), -1)
        W_col = self.W_col.copy()
        if self.trainable:
            self.W = self.W_opt.update(self.W, (accum_grad.T @ flat).reshape(self.W.shape))
        return (accum_grad @ W_col).reshape(self.layer_input.shape)


class Steps:
    def update(self, w, grad_wrt_w):
        return w - 0.01 * grad_wrt_w


def test_habit_of_keeping_a_view_of_the_weights():
    subject = subject_of(ConvKeepsAView(), "BSS:4,2,2")
    found = run(subject)

    flat = found.inputs[0].reshape(4, -1)
    assert list(gradient_places(subject)) == ["W"]
    np.testing.assert_allclose(found.gradients["W"], (found.upstream[0].T @ flat).reshape(3, 2, 2))


class LinearOverN:
    """Born with weights of zeros, keeps everything, divides by N."""

    def __init__(self, debug=False):
        self.W, self.b = np.zeros((3, 6)), np.zeros((3, 1))
        self.debug = debug

    def forward(self, A):
        self.A, self.N = A, A.shape[0]
        self.Ones = np.ones((self.N, 1))
        return self.A @ self.W.T + self.Ones @ self.b.T

    def backward(self, dLdZ):
        self.dZdA = self.W
        self.dLdA = dLdZ @ self.dZdA
        self.dLdW = dLdZ.T @ self.A / self.N
        self.dLdb = dLdZ.T @ self.Ones / self.N
        return self.dLdA


def test_habit_of_weights_of_zeros():
    subject = subject_of(LinearOverN(), "BC:4,6", declared={"learnable_gradients": "mean"})

    assert gradient_places(subject) == {"W": "attribute dLdW", "b": "attribute dLdb"}
    assert subject.facts.learnable_gradients == "mean"


class RunningNorm:
    def __init__(self):
        self.BW, self.Bb = np.ones((1, 6)), np.zeros((1, 6))
        self.running_M, self.running_V = np.zeros((1, 6)), np.ones((1, 6))

    def forward(self, Z, eval=False):
        M, V = (self.running_M, self.running_V) if eval else (Z.mean(0), Z.var(0))
        if not eval:
            self.running_M = 0.9 * self.running_M + 0.1 * M
            self.running_V = 0.9 * self.running_V + 0.1 * V
        self.NZ = (Z - M) / np.sqrt(V + 1e-8)
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ):
        self.dLdBb = dLdBZ.sum(axis=0, keepdims=True)
        self.dLdBW = (dLdBZ * self.NZ).sum(axis=0, keepdims=True)
        return dLdBZ


def test_habit_of_an_evaluation_argument():
    subject = subject_of(RunningNorm(), "BC:4,6")

    assert [slot.name for slot in subject.states] == ["running_M", "running_V"]
    assert gradient_places(subject) == {"BW": "attribute dLdBW", "Bb": "attribute dLdBb"}
    np.testing.assert_allclose(
        run(subject, mode="predict").outputs[0], run(subject).inputs[0], rtol=1e-7
    )


class ActivationOfFunctions:
    """Holds a function and its derivative, and has a backward all the same."""

    def __init__(self, f, f_prime):
        self.f, self.f_prime = f, f_prime
        self.params, self.grads = {}, {}

    def forward(self, inputs):
        self.inputs = inputs
        return self.f(inputs)

    def backward(self, grad):
        return self.f_prime(self.inputs) * grad


def test_habit_of_holding_functions():
    subject = subject_of(ActivationOfFunctions(np.tanh, lambda x: 1 - np.tanh(x) ** 2), "BC:4,6")
    found = run(subject)

    assert subject.convention == "stateful"
    np.testing.assert_allclose(
        found.input_gradients[0], found.upstream[0] * (1 - np.tanh(found.inputs[0]) ** 2)
    )


class RemembersItsState:
    """`derivative` takes no argument: the object remembers its output."""

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        self.state = np.tanh(x)
        return self.state.copy()

    def derivative(self):
        return 1 - self.state**2


def test_habit_of_a_derivative_without_argument():
    subject = subject_of(RemembersItsState(), "BC:4,6")
    found = run(subject)

    assert subject.facts.memory == "in the object"
    np.testing.assert_allclose(
        found.input_gradients[0], found.upstream[0] * (1 - np.tanh(found.inputs[0]) ** 2)
    )


class StaticCell:
    """Static passes that hand a cache over, and no context."""

    @staticmethod
    def forward(x, W):
        return x @ W, (x, W)

    @staticmethod
    def backward(dout, cache):
        x, W = cache
        return dout @ W.T, x.T @ dout


def test_habit_of_static_passes_without_a_context():
    subject = subject_of(StaticCell, "BC:4,6", learnables={"W": (6, 3)})
    found = run(subject)

    assert subject.convention == "functional"
    np.testing.assert_allclose(found.gradients["W"], found.inputs[0].T @ found.upstream[0])


class HandsItsCacheOver:
    def __init__(self):
        self.W = normal(6, 3)

    def forward(self, x):
        return x @ self.W, (x, "anything")

    def backward(self, dout, cache):
        x, _ = cache
        return dout @ self.W.T, x.T @ dout


def test_habit_of_an_object_that_hands_its_cache_over():
    subject = subject_of(HandsItsCacheOver(), "BC:4,6")
    found = run(subject)

    assert subject.facts.memory == "handed over"
    np.testing.assert_allclose(found.gradients["W"], found.inputs[0].T @ found.upstream[0])


class ListsByName:
    def __init__(self):
        self.weights, self.biases = [normal(6, 5), normal(5, 3)], [np.zeros(5), np.zeros(3)]

    def forward(self, x):
        self.hidden = x @ self.weights[0] + self.biases[0]
        self.x = x
        return self.hidden @ self.weights[1] + self.biases[1]

    def backward(self, dout):
        dhidden = dout @ self.weights[1].T
        self.dweights = [self.x.T @ dhidden, self.hidden.T @ dout]
        self.db = [dhidden.sum(axis=0), dout.sum(axis=0)]
        return dhidden @ self.weights[0].T


def test_habit_of_one_list_for_each_kind_of_parameter():
    subject = subject_of(ListsByName(), "BC:4,6")

    assert gradient_places(subject) == {
        "weights.0": "item 0 of dweights",
        "weights.1": "item 1 of dweights",
        "biases.0": "item 0 of db",
        "biases.1": "item 1 of db",
    }


class FrozenPredicts:
    """`trainable` tells whether the batch's own statistics are used."""

    def __init__(self):
        self.trainable = True
        self.mean = np.zeros(6)

    def forward(self, X):
        if not self.trainable:
            return X - self.mean
        self.mean = 0.9 * self.mean + 0.1 * X.mean(axis=0)
        return X - X.mean(axis=0)

    def backward(self, dLdy):
        return dLdy - dLdy.mean(axis=0)


def test_habit_of_a_frozen_layer_that_predicts():
    subject = subject_of(FrozenPredicts(), "BC:4,6")
    predicted = run(subject, mode="predict")

    assert [(slot.name, slot.recurrent) for slot in subject.states] == [("mean", False)]
    np.testing.assert_array_equal(predicted.outputs[0], predicted.inputs[0])


class Convolution:
    """One image, channels first, updated by the rate."""

    def __init__(self):
        self.kernels, self.biases = normal(2, 3, 3, 3), np.zeros((2, 4, 3))

    def forward(self, input):
        self.input = input
        self.output = np.copy(self.biases)
        for i, j in np.ndindex(3, 3):
            self.output += np.einsum("oc,chw->ohw", self.kernels[:, :, i, j], self._at(i, j))
        return self.output

    def backward(self, output_gradient, learning_rate):
        dx, dk = np.zeros_like(self.input), np.zeros_like(self.kernels)
        for i, j in np.ndindex(3, 3):
            dk[:, :, i, j] = np.einsum("ohw,chw->oc", output_gradient, self._at(i, j))
            dx[:, i : i + 4, j : j + 3] += np.einsum(
                "oc,ohw->chw", self.kernels[:, :, i, j], output_gradient
            )
        self.kernels -= learning_rate * dk
        self.biases -= learning_rate * output_gradient
        return dx

    def _at(self, i, j):
        return self.input[:, i : i + 4, j : j + 3]


def test_habit_of_one_observation_at_a_time():
    found = run(subject_of(Convolution(), "CSS:3,6,5"))

    np.testing.assert_allclose(found.gradients["biases"], found.upstream[0], rtol=1e-6)
    assert found.gradients["kernels"].shape == (2, 3, 3, 3)


class Criterion:
    def forward(self, input, target):
        return ((input - target) ** 2).sum()

    def backward(self, input, target):
        return 2 * (input - target)


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t, self.y = t, np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        return -(self.t * np.log(self.y)).sum() / len(x)

    def backward(self, dout=1):
        return (self.y - self.t) / len(self.t)


@pytest.mark.parametrize("layer", [Criterion(), SoftmaxWithLoss()])
def test_habit_of_calling_a_loss_a_layer(layer):
    with pytest.raises(TargetError, match="is a loss"):
        subject_of(layer, "BC:4,6", "BC:4,6")


class Private:
    """Attributes that Python renames."""

    def __init__(self):
        self.__weights = normal(6, 3)

    def forward(self, x):
        self.__x = x
        return x @ self.__weights

    def backward(self, dout):
        self.__dweights = self.__x.T @ dout
        return dout @ self.__weights.T


def test_habit_of_private_attributes():
    subject = subject_of(Private(), "BC:4,6")

    assert gradient_places(subject) == {"_Private__weights": "attribute _Private__dweights"}


class SelfAttentionOfThree:
    """One input, and three gradients."""

    def forward(self, query, key=None, value=None):
        return 3 * query

    def backward(self, dvalues):
        return dvalues, dvalues, dvalues


def test_habit_of_returning_more_gradients_than_inputs():
    with pytest.raises(ReturnError, match=r"3 values; expected 1 input gradient \(query\)"):
        run(subject_of(SelfAttentionOfThree(), "BC:4,6"))


class RaisingProperty:
    """A property that fails with anything must not stop the others."""

    def __init__(self):
        self.W = normal(6, 3)

    @property
    def dV(self):
        raise ZeroDivisionError

    @property
    def output(self):
        raise ValueError

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


def test_habit_of_properties_that_fail():
    assert gradient_places(subject_of(RaisingProperty(), "BC:4,6")) == {"W": "attribute dW"}


class IntegerBias:
    """`np.full(shape, 0)` makes integers."""

    def __init__(self):
        self.W, self.b = normal(6, 3), np.full(3, 0)
        self.sizes = np.array([6, 3])

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_habit_of_an_integer_bias(dtype):
    layer = IntegerBias()
    subject = subject_of(layer, "BC:4,6")
    live = subject.build(np.dtype(dtype), subject.layouts)

    assert gradient_places(subject) == {"W": "attribute dW", "b": "attribute db"}
    assert live.learnables()[1].dtype == dtype
    assert layer.b.dtype.kind == "i"


class GradientOfUpstream:
    """`gradient` that takes the upstream gradient is a backward."""

    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def gradient(self, dout):
        return dout * (1 - np.tanh(self.x) ** 2)


def test_habit_of_calling_backward_gradient():
    subject = subject_of(GradientOfUpstream(), "BC:4,6")
    found = run(subject)

    assert subject.convention == "stateful"
    np.testing.assert_allclose(
        found.input_gradients[0], found.upstream[0] * (1 - np.tanh(found.inputs[0]) ** 2)
    )


class PredictAndBackprop:
    def predict(self, x):
        self.x = x
        return np.tanh(x)

    def backprop(self, error):
        return error * (1 - np.tanh(self.x) ** 2)


def test_habit_of_predict_and_backprop():
    subject = subject_of(PredictAndBackprop(), "BC:4,6")

    assert subject.convention == "stateful"
    assert subject.facts.backward == "written"
    assert subject.facts.one_pass


class Slotted:
    __slots__ = ("W", "dW", "x")

    def __init__(self):
        self.W = normal(6, 3)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class OnTheClass:
    W = normal(6, 3)
    forward, backward = Slotted.forward, Slotted.backward


class InATuple:
    def __init__(self):
        self.params = (normal(6, 3),)

    def forward(self, x):
        self.x = x
        return x @ self.params[0]

    def backward(self, dout):
        self.grads = (self.x.T @ dout,)
        return dout @ self.params[0].T


class InFloat32:
    def __init__(self):
        self.W = normal(6, 3).astype(np.float32)

    forward, backward = Slotted.forward, Slotted.backward


class HoldsItself(OnTheClass):
    def __init__(self):
        self.me, self.all = self, [self, [self]]


@pytest.mark.parametrize("layer", [Slotted(), OnTheClass(), InATuple(), InFloat32(), HoldsItself()])
def test_habit_of_keeping_weights_anywhere(layer):
    found = run(subject_of(layer, "BC:4,6"))

    (gradient,) = found.gradients.values()
    assert found.outputs[0].dtype == np.float64
    np.testing.assert_allclose(gradient, found.inputs[0].T @ found.upstream[0])


def test_weights_of_the_class_are_left_alone():
    before = OnTheClass.W.copy()

    run(subject_of(OnTheClass(), "BC:4,6"))

    np.testing.assert_array_equal(OnTheClass.W, before)


class TakesNothing:
    def forward(self):
        return np.zeros(3)

    def backward(self, dout):
        return dout


def test_forward_without_input_is_no_layer():
    with pytest.raises(TargetError, match="takes no input"):
        subject_of(TakesNothing(), "BC:4,6")


class ByKeywordOnly(Slotted):
    def forward(self, *, x, verbose=False):
        return super().forward(x)


def test_habit_of_inputs_by_keyword_only():
    assert subject_of(ByKeywordOnly(), "BC:4,6").input_names == ("x",)
