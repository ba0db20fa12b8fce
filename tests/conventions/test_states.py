from __future__ import annotations

import numpy as np
import pytest

from tests.conventions.driven import gradient_places, run, subject_of


class BatchNorm:
    def __init__(self):
        self.gamma, self.beta = np.ones(6), np.zeros(6)
        self.running_mean, self.running_var = np.zeros(6), np.ones(6)
        self.buffer = np.zeros(6)

    def forward(self, x, train_flg=True):
        if train_flg:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = 0.9 * self.running_var + 0.1 * var
            self.buffer[...] = mean
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + 1e-5)
        self.xn = (x - mean) / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xn).sum(axis=0)
        dxn = dout * self.gamma
        dx = dxn - dxn.mean(axis=0) - self.xn * (dxn * self.xn).mean(axis=0)
        return dx / self.std


def test_statistics_are_states_that_only_prediction_reads():
    subject = subject_of(BatchNorm(), "BC:8,6")
    trained, predicted = run(subject), run(subject, mode="predict")

    assert [(slot.name, slot.recurrent) for slot in subject.states] == [
        ("running_mean", False),
        ("running_var", False),
    ]
    assert subject.states[0].found == (
        "changed by the training forward, and only later passes depend on it"
    )
    assert gradient_places(subject) == {"gamma": "attribute dgamma", "beta": "attribute dbeta"}
    assert not subject.facts.one_pass
    np.testing.assert_allclose(trained.states[0], 0.1 * trained.inputs[0].mean(axis=0))
    np.testing.assert_allclose(predicted.outputs[0], predicted.inputs[0] / np.sqrt(1 + 1e-5))


class LazyBatchNorm(BatchNorm):
    """As in a book: the statistics are made by the first forward."""

    def __init__(self):
        super().__init__()
        self.running_mean = None
        self.running_var = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean = np.zeros(x.shape[1])
            self.running_var = np.zeros(x.shape[1])
        return super().forward(x, train_flg)


def test_statistics_made_by_the_first_forward_start_at_zero():
    subject = subject_of(LazyBatchNorm(), "BC:8,6")
    found = run(subject)

    assert [slot.name for slot in subject.states] == ["running_mean", "running_var"]
    np.testing.assert_array_equal(subject.states[0].value, np.zeros(6))
    np.testing.assert_allclose(found.states[1], 0.1 * found.inputs[0].var(axis=0))


class Recurrent:
    """Carries its hidden state from one call to the next."""

    def __init__(self, stateful=True):
        self.W = np.random.default_rng(0).normal(size=(3, 5))
        self.stateful = stateful
        self.h = None

    def forward(self, xs):
        if not self.stateful or self.h is None:
            self.h = np.zeros((len(xs), 5))
        self.xs, self.first = xs, self.h
        self.h = np.tanh(xs @ self.W + self.first)
        return self.h.copy()

    def backward(self, dh):
        da = dh * (1 - self.h**2)
        self.dW = self.xs.T @ da
        return da @ self.W.T

    def reset_state(self):
        self.h = None


def test_recurrent_state_made_by_the_first_forward_is_recognised():
    subject = subject_of(Recurrent(), "BC:4,3")
    found = run(subject)

    assert [(slot.name, slot.recurrent) for slot in subject.states] == [("h", True)]
    assert subject.states[0].value.shape == (5, 5) or subject.states[0].value.shape == (4, 5)
    assert subject.facts.reset
    np.testing.assert_allclose(found.states[0], found.outputs[0])
    np.testing.assert_allclose(found.outputs[0], np.tanh(found.inputs[0] @ found.values["W"]))


def test_recurrent_state_follows_the_batch_size():
    subject = subject_of(Recurrent(), "BC:4,3")

    assert run(subject, batch=7).states[0].shape == (7, 5)


def test_recurrent_state_after_reset_is_as_in_a_new_layer():
    subject = subject_of(Recurrent(), "BC:4,3")
    live = subject.build(np.dtype("float64"), subject.layouts)
    live.run((np.ones((4, 3)),), "forward")

    live.reset()

    np.testing.assert_array_equal(live.states()[0], np.zeros((4, 5)))


def test_state_that_every_forward_sets_anew_is_a_cache():
    assert subject_of(Recurrent(stateful=False), "BC:4,3").states == ()


class Centred:
    """A moving centre that the output depends on in training too."""

    def __init__(self):
        self.centre = np.zeros(6)

    def forward(self, x):
        self.centre = 0.5 * self.centre + 0.5 * x.mean(axis=0)
        return x - self.centre

    def backward(self, dout):
        return dout - 0.5 * dout.mean(axis=0)

    def restart(self):
        self.centre = np.zeros(6)


def test_state_that_the_training_output_depends_on_is_recurrent():
    subject = subject_of(Centred(), "BC:4,6", declared={"reset": "restart"})

    assert [(slot.name, slot.recurrent) for slot in subject.states] == [("centre", True)]
    assert subject.facts.reset


class InDict:
    """Statistics among the parameters."""

    def __init__(self):
        self.parameters = {"scaler": np.ones(6), "running_mean": np.zeros(6)}
        self.gradients = {"scaler": np.zeros(6)}
        self.training = True

    def forward(self, X):
        mean = self.parameters["running_mean"]
        if self.training:
            self.parameters["running_mean"] = 0.9 * mean + 0.1 * X.mean(axis=0)
            mean = X.mean(axis=0)
        self.centred = X - mean
        return self.parameters["scaler"] * self.centred

    def backward(self, dLdy):
        self.gradients["scaler"] += (dLdy * self.centred).sum(axis=0)
        d = dLdy * self.parameters["scaler"]
        return d - d.mean(axis=0)


def test_states_may_stand_among_the_parameters():
    subject = subject_of(InDict(), "BC:4,6")

    assert [slot.name for slot in subject.states] == ["parameters.running_mean"]
    assert [slot.name for slot in subject.learnables] == ["parameters.scaler"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_states_have_the_dtype_of_the_case(dtype):
    found = run(subject_of(BatchNorm(), "BC:8,6"), dtype=dtype)

    assert found.states[0].dtype == dtype
