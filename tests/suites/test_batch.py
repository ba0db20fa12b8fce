from __future__ import annotations

import contextlib

import numpy as np
import pytest

from layercheck.suites.batch import (
    input_gradients_independent,
    learnable_gradients_additive,
    observations_independent,
    other_batch_sizes,
    permutation,
    single_observation,
    suite,
)
from layercheck.verdict import Skipped
from tests.cases import finding_of, make_case, reason_of

W = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-2.0, 1.0, 0.5], [3.0, 0.5, 1.0]])


class Dense:
    learnables = ("W", "b")

    def __init__(self):
        self.W = W.copy()
        self.b = np.zeros(3)

    def predict(self, x):
        return x @ self.W + self.b

    def backward(self, x, z, dz, memory):
        return dz @ self.W.T, x.T @ dz, dz.sum(axis=0)


class DenseMean(Dense):
    def backward(self, x, z, dz, memory):
        dx, dW, db = super().backward(x, z, dz, memory)
        return dx, dW / len(x), db / len(x)


class DenseLast(Dense):
    def backward(self, x, z, dz, memory):
        dx, dW, _ = super().backward(x, z, dz, memory)
        return dx, dW, dz[-1]


class DenseFor4(Dense):
    def predict(self, x):
        return (x.reshape(4, -1) @ self.W + self.b).reshape(4, 3)


class BackwardFor4(Dense):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz + np.zeros((4, 3)), memory)


class DenseSummedInput(Dense):
    def backward(self, x, z, dz, memory):
        dx, dW, db = super().backward(x, z, dz, memory)
        return dx + dx.mean(axis=0), dW, db


class Squeezing:
    def predict(self, x):
        return np.squeeze(2 * x)


class RefusesOne:
    def predict(self, x):
        if len(x) == 1:
            raise ValueError("needs several")
        return x - x.mean(axis=0)


class Relu:
    def predict(self, x):
        return np.maximum(x, 0)

    def backward(self, x, z, dz, memory):
        return dz * (x > 0)


class ReluMean(Relu):
    def backward(self, x, z, dz, memory):
        return dz * (x > 0) / len(x)


class SoftmaxOverBatch:
    def predict(self, x):
        e = np.exp(x)
        return e / e.sum(axis=0)


class Cumulative:
    def predict(self, x):
        return np.cumsum(x, axis=0)


class FirstDoubled:
    def predict(self, x):
        z = x.copy()
        z[0] *= 2
        return z


class ScaledByBatch:
    def predict(self, x):
        return x / len(x)


class LastSeesFirst:
    def predict(self, x):
        z = x.copy()
        z[-1] += 1e-6 * x[0]
        return z


class BatchNorm:
    learnables = ("gamma",)
    states = ("mean", "variance")

    def __init__(self, channels=4):
        self.gamma = np.ones(channels)
        self.mean = np.zeros(channels)
        self.variance = np.ones(channels)

    def predict(self, x):
        return self.gamma * (x - self.mean) / np.sqrt(self.variance + 1e-5)

    def forward(self, x):
        if len(x) == 1:
            raise ValueError("cannot train on one observation")
        mean, variance = x.mean(axis=0), x.var(axis=0)
        self.mean = 0.9 * self.mean + 0.1 * mean
        self.variance = 0.9 * self.variance + 0.1 * variance
        std = np.sqrt(variance + 1e-5)
        xn = (x - mean) / std
        return self.gamma * xn, (xn, std)

    def backward(self, x, z, dz, memory):
        xn, std = memory
        g = dz * self.gamma
        dx = (g - g.mean(axis=0) - xn * (g * xn).mean(axis=0)) / std
        return dx, (dz * xn).sum(axis=0)


class OnePassNorm:
    def predict(self, x):
        return x - x.mean(axis=0)

    def backward(self, x, z, dz, memory):
        return dz - dz.mean(axis=0)


class Dropout:
    def predict(self, x):
        return x

    def forward(self, x):
        mask = (np.random.random(x.shape) < 0.5) * 2.0
        return x * mask, mask

    def backward(self, x, z, dz, memory):
        return dz * memory


class DropoutLeak(Dropout):
    def backward(self, x, z, dz, memory):
        return dz * memory + dz.mean(axis=0)


class AlwaysRandom:
    def predict(self, x):
        return x * (np.random.random(x.shape) < 0.5)


class Embedding:
    learnables = ("table",)

    def __init__(self):
        self.table = W.copy()

    def predict(self, ids):
        return self.table[ids]

    def backward(self, ids, z, dz, memory):
        dtable = np.zeros_like(self.table)
        np.add.at(dtable, ids, dz)
        return None, dtable


class Recurrent:
    learnables = ("R",)
    states = ("h",)

    def initialize(self, layout):
        self.R = np.array([[0.5, -0.25], [0.125, 0.75]])
        self.h = np.zeros((2, layout.size[layout.find("B")]))

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        h, steps = self.h, []
        for t in range(x.shape[2]):
            steps.append(h)
            h = np.tanh(self.R @ h + x[:, :, t])
        self.h = h
        return np.stack([*steps[1:], h], axis=2), steps

    def backward(self, x, z, dz, steps):
        dx, dR, dh = np.empty_like(x), np.zeros_like(self.R), 0.0
        for t in reversed(range(x.shape[2])):
            da = (dz[:, :, t] + dh) * (1 - z[:, :, t] ** 2)
            dx[:, :, t] = da
            dR += da @ steps[t].T
            dh = self.R.T @ da
        return dx, dR


class Shared:
    """A second input that all observations share."""

    num_inputs = 2

    def predict(self, x, bias):
        return x + bias

    def backward(self, x, bias, z, dz, memory):
        return dz, dz.sum(axis=0)


class Flatten:
    def output_layout(self, layout):
        return f"CB:{layout.size[0] * layout.size[1]},{layout.size[2]}"

    def predict(self, x):
        return x.reshape(-1, x.shape[-1])

    def backward(self, x, z, dz, memory):
        return dz.reshape(x.shape)


class Reshaped:
    def predict(self, x):
        return x.reshape(len(x), -1)

    def backward(self, x, z, dz, memory):
        return dz.reshape(x.shape)


class Halves:
    num_outputs = 2

    def predict(self, x):
        return x[:, :2], x[:, 2:]

    def backward(self, x, z1, z2, dz1, dz2, memory):
        return np.concatenate([dz1, dz2], axis=1)


class Fourier:
    def predict(self, x):
        return np.fft.fft(x, axis=1)

    def backward(self, x, z, dz, memory):
        return np.real(np.fft.fft(np.conj(dz), axis=1))


CORRECT = [
    (Dense, ("BC:4,4",), {}),
    (Dense, ("BC:2,4",), {}),
    (Dense, ("BC:40,4",), {}),
    (Relu, ("SSCB:3,3,2,4",), {}),
    (BatchNorm, ("BC:5,4",), {}),
    (OnePassNorm, ("BC:5,4",), {"declared": {"mixes": "B!"}}),
    (OnePassNorm, ("BC:5,4",), {"declared": {"mixes": "B"}}),
    (Dropout, ("BC:5,4",), {}),
    (Embedding, ("BT:5,3",), {"integers": {"ids": (0, 4)}}),
    (Recurrent, ("CBT:2,5,3",), {}),
    (Shared, ("BC:5,4", "C:4"), {}),
    (Flatten, ("SCB:3,2,4",), {}),
    (Reshaped, ("BSC:4,3,2",), {}),
    (Halves, ("BC:5,4",), {}),
    (Fourier, ("BC:5,4",), {}),
    (DenseMean, ("BC:5,4",), {"declared": {"learnable_gradients": "mean"}}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("layer", "layouts", "options"), CORRECT)
def test_correct_layers_fail_no_batch_check(layer, layouts, options, seed, dtype):
    case = make_case(layer, *layouts, seed=seed, dtype=dtype, **options)
    for check in suite.checks:
        with contextlib.suppress(Skipped):
            check(case)


@pytest.mark.parametrize("check", suite.checks, ids=lambda check: check.name)
def test_every_check_passes_a_dense_layer(check):
    check(make_case(Dense, "BC:4,4"))


def test_a_lost_batch_axis_is_found_at_one_observation():
    finding = finding_of(single_observation, make_case(Squeezing, "BC:4,6"))

    assert finding.what == "predict() returns the output in another shape for 1 observation."
    assert finding.details == ("shape (6,), expected (1, 6); at B = 4 it is (4, 6)",)
    assert "np.squeeze(x, axis=2)" in finding.fix


def test_an_exception_at_one_observation_is_a_failure():
    finding = finding_of(single_observation, make_case(RefusesOne, "BC:4,6"))

    assert finding.what == "predict() fails on 1 observation, and runs on 4."
    assert "needs several" in finding.details[0]
    assert finding.source.file.endswith("test_batch.py")
    assert finding.where == "x BC:1,6"


def test_a_layer_that_mixes_in_training_may_refuse_one_observation():
    passed = single_observation(make_case(BatchNorm, "BC:5,4"))

    assert passed.notes == ("forward() mixes observations and refuses a single one",)


@pytest.mark.parametrize(
    ("layer", "what"), [(DenseFor4, "predict()"), (BackwardFor4, "backward()")]
)
def test_a_batch_size_that_is_built_in_is_a_failure(layer, what):
    finding = finding_of(other_batch_sizes, make_case(layer, "BC:4,4"))

    assert finding.what == f"{what} fails on 5 observations, and runs on 4."
    assert finding.source.line is not None


def test_checks_that_need_other_sizes_are_skipped_where_none_runs():
    case = make_case(DenseFor4, "BC:4,4")

    assert reason_of(observations_independent, case) == "needs batch.single_observation"


def test_sizes_that_disagree_are_a_failure():
    finding = finding_of(other_batch_sizes, make_case(ScaledByBatch, "BC:4,6"))

    assert finding.what == (
        "predict() gives the same 4 observations another output in a batch of 5 than in a batch "
        "of 4."
    )
    assert finding.wrong == 24
    assert finding.cause is None


@pytest.mark.parametrize("layer", [SoftmaxOverBatch, Cumulative, RefusesOne, OnePassNorm])
def test_a_leak_between_observations_is_named(layer):
    finding = finding_of(observations_independent, make_case(layer, "BC:4,6"))

    assert finding.what.endswith("an output that depends on other observations.")
    assert finding.cause.id == "batch-leak"
    assert "mixes=B!" in finding.fix


def test_the_leak_names_the_two_observations():
    cause = finding_of(observations_independent, make_case(LastSeesFirst, "BC:7,6")).cause

    assert cause.evidence == {"changed": [0], "moved": 6}
    assert "the input of observation 0 changes the output of observation 6" in cause.text


@pytest.mark.parametrize("layer", [FirstDoubled, ScaledByBatch])
def test_an_output_that_depends_on_place_or_size_is_no_leak(layer):
    finding = finding_of(observations_independent, make_case(layer, "BC:4,6"))

    assert finding.what == "predict() gives an observation another output in the batch than alone."
    assert finding.cause is None


def test_mixing_in_training_alone_is_a_note():
    passed = observations_independent(make_case(BatchNorm, "BC:5,4"))

    assert passed.notes == ("forward() mixes observations in training, predict() does not",)


def test_declared_mixing_skips():
    case = make_case(OnePassNorm, "BC:4,6", declared={"mixes": "B!"})

    assert "mixes=B!" in reason_of(observations_independent, case)
    assert "mixes=B!" in reason_of(input_gradients_independent, case)


@pytest.mark.parametrize("layer", [FirstDoubled, Cumulative])
def test_a_place_in_the_batch_must_not_matter(layer):
    finding = finding_of(permutation, make_case(layer, "BC:4,6"))

    assert finding.what == (
        "predict() gives other outputs to the same observations in another order."
    )


def test_softmax_over_the_batch_keeps_the_order():
    permutation(make_case(SoftmaxOverBatch, "BC:4,6"))


def test_random_layers_are_asked_through_predict():
    permutation(make_case(Dropout, "BC:4,6"))

    assert "random numbers" in reason_of(permutation, make_case(AlwaysRandom, "BC:4,6"))


def test_an_input_gradient_divided_by_the_batch_size_is_named():
    finding = finding_of(input_gradients_independent, make_case(ReluMean, "BC:4,6"))

    assert finding.cause.id == "mean-instead-of-sum"
    assert finding.cause.evidence["batch_size"] == 4
    assert "of x in the batch" in finding.what


@pytest.mark.parametrize("layer", [DenseSummedInput, DropoutLeak])
def test_a_backward_that_mixes_observations_is_named(layer):
    finding = finding_of(input_gradients_independent, make_case(layer, "BC:5,4"))

    assert finding.cause.id == "batch-leak"
    assert "backward() mixes" in finding.cause.text


def test_averaged_learnable_gradients_are_named():
    finding = finding_of(learnable_gradients_additive, make_case(DenseMean, "BC:5,4"))

    assert finding.what == (
        "backward() returns a gradient of W and b for the batch that is not the sum of those for "
        "its parts."
    )
    assert finding.cause.id == "mean-instead-of-sum"
    assert "--declare learnable_gradients=mean" in finding.fix


def test_a_declared_mean_that_is_a_sum_is_a_failure():
    case = make_case(Dense, "BC:5,4", declared={"learnable_gradients": "mean"})

    assert "not the mean" in finding_of(learnable_gradients_additive, case).what


def test_the_gradient_of_one_observation_is_named():
    finding = finding_of(learnable_gradients_additive, make_case(DenseLast, "BC:5,4"))

    assert "a gradient of b for" in finding.what
    assert finding.cause.id == "wrong-region"
    assert finding.cause.evidence == {"observation": 4}


@pytest.mark.parametrize(
    ("check", "layer", "layouts", "reason"),
    [
        (single_observation, Dense, ("UC:4,4",), "no axis is labelled B"),
        (single_observation, Shared, ("BC:5,4", "BC:1,4"), "different sizes of B"),
        (observations_independent, Dense, ("BC:1,4",), "one observation"),
        (learnable_gradients_additive, Relu, ("BC:4,4",), "no learnables"),
        (learnable_gradients_additive, BatchNorm, ("BC:5,4",), "influence each other"),
        (input_gradients_independent, Squeezing, ("BC:4,4",), "no backward"),
    ],
)
def test_a_check_that_does_not_apply_says_why(check, layer, layouts, reason):
    assert reason in reason_of(check, make_case(layer, *layouts))


def test_integer_inputs_have_no_gradients_to_compare():
    case = make_case(Embedding, "BT:5,3", integers={"ids": (0, 4)})
    learnable_gradients_additive(case)

    assert "integers" in reason_of(input_gradients_independent, case)
