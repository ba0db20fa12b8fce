from __future__ import annotations

import contextlib

import numpy as np
import pytest

from layercheck.suites.state import (
    predict_is_deterministic,
    predict_leaves_statistics,
    reset,
    sequence_in_chunks,
    suite,
    training_mean,
    valid,
)
from layercheck.verdict import Skipped
from tests.cases import finding_of, make_case, reason_of


class BatchNorm:
    states = ("mean", "variance")

    def __init__(self):
        self.momentum = 0.9
        self.reset_state()

    def reset_state(self):
        self.mean = np.zeros(6)
        self.variance = np.ones(6)

    def predict(self, x):
        return (x - self.mean.astype(x.dtype)) / np.sqrt(self.variance.astype(x.dtype) + 1e-5)

    def forward(self, x):
        mean, variance = x.mean(axis=0), x.var(axis=0)
        self.mean = (0.9 * self.mean + 0.1 * mean).astype(x.dtype)
        self.variance = (0.9 * self.variance + 0.1 * variance).astype(x.dtype)
        return (x - mean) / np.sqrt(variance + 1e-5)


class Rnn:
    learnables = ("R",)
    states = ("h",)

    def initialize(self, layout):
        self.R = np.array([[0.5, -0.25], [0.125, 0.75]])
        self.h = np.zeros((2, layout.size[1]))

    def reset_state(self):
        self.h = np.zeros_like(self.h)

    def predict(self, x):
        h, steps = self.start(), []
        for t in range(x.shape[2]):
            h = np.tanh(self.R @ h + x[:, :, t])
            steps.append(h)
        self.h = self.kept(steps)
        return self.result(steps)

    def start(self):
        return self.h

    def kept(self, steps):
        return steps[-1]

    def result(self, steps):
        return np.stack(steps, axis=2)


class LastStep(Rnn):
    def result(self, steps):
        return steps[-1]


class ResetToNone(Rnn):
    def reset_state(self):
        self.h = None

    def predict(self, x):
        if self.h is None:
            self.h = np.zeros(x.shape[:2], x.dtype)
        return super().predict(x)


class Dropout:
    def __init__(self, keep=0.75):
        self.keep = keep

    def predict(self, x):
        return x

    def mask(self, x):
        return (np.random.random(x.shape) < self.keep) / self.keep

    def forward(self, x):
        return x * self.mask(x)


class ChannelDropout(Dropout):
    def mask(self, x):
        return (np.random.random((len(x), 1)) < self.keep) / self.keep


class RareDropout(Dropout):
    def mask(self, x):
        return (np.random.random((len(x), 1)) < 0.97) / 0.97


class GaussianFactor(Dropout):
    def mask(self, x):
        return 1 + 0.1 * np.random.standard_normal(x.shape)


class Noise(Dropout):
    def forward(self, x):
        return x + np.random.standard_normal(x.shape)


CORRECT = [
    (BatchNorm, "BC:4,6"),
    (Rnn, "CBT:2,3,5"),
    (LastStep, "CBT:2,3,4"),
    (ResetToNone, "CBT:2,3,4"),
    (Dropout, "BC:4,6"),
    (Dropout, "BC:100,60"),
    (ChannelDropout, "BC:4,6"),
    (RareDropout, "BC:4,6"),
    (GaussianFactor, "BC:4,6"),
    (Noise, "BC:4,6"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("layer", "layout"), CORRECT)
def test_correct_layers_fail_no_state_check(layer, layout, seed, dtype):
    case = make_case(layer, layout, seed=seed, dtype=dtype)
    for check in suite.checks:
        with contextlib.suppress(Skipped):
            check(case)


@pytest.mark.parametrize(
    ("check", "layer", "layout"),
    [
        (valid, BatchNorm, "BC:4,6"),
        (valid, ResetToNone, "CBT:2,3,4"),
        (predict_leaves_statistics, BatchNorm, "BC:4,6"),
        (predict_is_deterministic, Dropout, "BC:4,6"),
        (reset, BatchNorm, "BC:4,6"),
        (reset, ResetToNone, "CBT:2,3,4"),
        (sequence_in_chunks, Rnn, "CBT:2,3,5"),
        (sequence_in_chunks, LastStep, "CBT:2,3,5"),
        (training_mean, Dropout, "BC:4,6"),
        (training_mean, ChannelDropout, "BC:100,60"),
        (training_mean, GaussianFactor, "BC:4,6"),
    ],
)
def test_a_check_passes_a_correct_layer(check, layer, layout):
    check(make_case(layer, layout))


class KeepsAxis(BatchNorm):
    def forward(self, x):
        z = super().forward(x)
        self.mean = self.mean[None]
        return z


class Doubles(BatchNorm):
    def forward(self, x):
        z = super().forward(x)
        self.mean = self.mean.astype(np.float64)
        return z


class Halves(BatchNorm):
    def forward(self, x):
        z = super().forward(x)
        self.mean = self.mean.astype(np.float16)
        return z


class RunsAway(BatchNorm):
    def forward(self, x):
        z = super().forward(x)
        self.variance[2] = np.inf
        return z


class Text(BatchNorm):
    def forward(self, x):
        z = super().forward(x)
        self.mean = "moved"
        return z


@pytest.mark.parametrize(
    ("layer", "what", "found", "cause"),
    [
        (KeepsAxis, "in another shape", "shape (6,) before, (1, 6) after", None),
        (Doubles, "in another dtype", "float32 before, float64 after", "dtype-upcast"),
        (Halves, "in another dtype", "float32 before, float16 after", "dtype-downcast"),
        (Text, "that is no array", "it is str afterwards", None),
    ],
)
def test_a_state_that_changes_its_kind_is_found(layer, what, found, cause):
    finding = finding_of(valid, make_case(layer, "BC:4,6", dtype="float32"))

    assert finding.what == f"forward() leaves the state mean {what}."
    assert finding.where == found
    assert (finding.cause.id if finding.cause else None) == cause


def test_a_state_that_is_not_finite_is_found():
    finding = finding_of(valid, make_case(RunsAway, "BC:4,6"))

    assert finding.what == "forward() leaves the state variance not finite."
    assert finding.where == "1 of 6 elements are infinite or NaN"


class ResetsTheWeights(Rnn):
    def reset_state(self):
        super().reset_state()
        self.R = np.eye(2)


class ResetsTheMomentum(BatchNorm):
    def reset_state(self):
        super().reset_state()
        self.momentum = 0.5

    def __init__(self):
        super().__init__()
        self.momentum = 0.9


class ResetRaises(BatchNorm):
    def __init__(self):
        self.mean, self.variance = np.zeros(6), np.ones(6)

    def reset_state(self):
        self.mean[:] = self.zeros


class NoneBreaks(Rnn):
    def reset_state(self):
        self.h = None


@pytest.mark.parametrize(
    ("layer", "layout", "what"),
    [
        (ResetsTheWeights, "CBT:2,3,4", "The reset changes the learnable R."),
        (
            ResetsTheMomentum,
            "BC:4,6",
            "The reset changes momentum, which is neither a learnable nor a state.",
        ),
        (ResetRaises, "BC:4,6", "reset_state() raises."),
        (
            NoneBreaks,
            "CBT:2,3,4",
            "predict() raises after a reset.",
        ),
    ],
)
def test_a_reset_that_changes_more_than_states_is_found(layer, layout, what):
    assert finding_of(valid, make_case(layer, layout)).what == what


class UpdatesInPredict(BatchNorm):
    def predict(self, x):
        self.mean = (0.9 * self.mean + 0.1 * x.mean(axis=0)).astype(x.dtype)
        return super().predict(x)


def test_a_predict_that_updates_a_statistic_is_found():
    finding = finding_of(predict_leaves_statistics, make_case(UpdatesInPredict, "BC:4,6"))

    assert finding.what == "predict() updates mean, a statistic that training collects."
    assert finding.wrong == 6


class AlwaysDrops(Dropout):
    def predict(self, x):
        return self.forward(x)


class OnePassDropout:
    def predict(self, x):
        return x * (np.random.random(x.shape) < 0.5)


class Entropy(Dropout):
    def predict(self, x):
        return x + np.random.default_rng(np.random.SeedSequence()).random()


@pytest.mark.parametrize(
    ("layer", "fix"),
    [
        (AlwaysDrops, "Draw no random numbers in predict."),
        (Entropy, "Draw no random numbers in predict."),
        (OnePassDropout, "train flag (--declare train=FLAG names it)"),
    ],
)
def test_a_random_predict_is_found(layer, fix):
    finding = finding_of(predict_is_deterministic, make_case(layer, "BC:4,6"))

    assert finding.what == "predict() gives another output with another seed."
    assert finding.cause.id == "nondeterministic"
    assert fix in finding.fix


class ForgetsVariance(BatchNorm):
    def __init__(self):
        self.mean, self.variance = np.zeros(6), np.ones(6)

    def reset_state(self):
        self.mean = np.zeros(6)


class ResetsToOnes(Rnn):
    def reset_state(self):
        self.h = np.ones_like(self.h)


class HidesACount(Rnn):
    count = 0

    def predict(self, x):
        self.count += 1
        return super().predict(x) + self.count


@pytest.mark.parametrize(
    ("layer", "layout", "what"),
    [
        (ForgetsVariance, "BC:4,6", "state variance differs"),
        (ResetsToOnes, "CBT:2,3,4", "state h differs"),
        (HidesACount, "CBT:2,3,4", "the output differs in predict()"),
        (ResetsTheWeights, "CBT:2,3,4", "the output differs in predict()"),
    ],
)
def test_a_reset_that_is_not_new_is_found(layer, layout, what):
    assert what in finding_of(reset, make_case(layer, layout)).what


def test_a_used_object_is_compared_with_its_own_reset():
    layer = BatchNorm()
    layer.forward(np.arange(24.0).reshape(4, 6) ** 2)

    reset(make_case(layer, "BC:4,6"))


class StartsFromZero(Rnn):
    def start(self):
        return 0 * self.h + 1e-3 * self.h


class KeepsFirst(Rnn):
    def kept(self, steps):
        return steps[0]


class CarriedButNotStored(Rnn):
    def kept(self, steps):
        return steps[-1] * 0.999


@pytest.mark.parametrize("layer", [StartsFromZero, KeepsFirst, CarriedButNotStored])
def test_a_state_that_is_not_carried_over_is_found(layer):
    finding = finding_of(sequence_in_chunks, make_case(layer, "CBT:2,3,5"))

    assert finding.what.startswith("predict() gives something else to 2 and then 3 time steps")


class Unscaled(Dropout):
    def mask(self, x):
        return 1.0 * (np.random.random(x.shape) < self.keep)


class UnscaledChannels(Dropout):
    def mask(self, x):
        return 1.0 * (np.random.random((len(x), 1)) < self.keep)


@pytest.mark.parametrize(
    ("layer", "layout"),
    [(Unscaled, "BC:9,11"), (Unscaled, "BC:4,6"), (UnscaledChannels, "BC:30,6")],
)
def test_a_mask_that_is_not_scaled_is_found(layer, layout):
    finding = finding_of(training_mean, make_case(layer, layout))

    assert "random mask of mean 0.7" in finding.what
    assert "its values are 0 and 1" in finding.where
    assert "or multiply by it in predict()" in finding.fix


class ScaledInPredict(Unscaled):
    def predict(self, x):
        return x * self.keep


@pytest.mark.parametrize(
    ("check", "layer", "layout", "reason"),
    [
        (valid, Dropout, "BC:4,6", "no states (--declare state=NAME"),
        (predict_leaves_statistics, Rnn, "CBT:2,3,4", "one pass"),
        (reset, KeepsAxis, "BC:4,6", ""),
        (sequence_in_chunks, BatchNorm, "BC:4,6", "no axis is labelled T"),
        (sequence_in_chunks, BatchNorm, "TC:4,6", "no state is recurrent"),
        (sequence_in_chunks, Rnn, "CBT:2,3,1", "one time step"),
        (training_mean, BatchNorm, "BC:4,6", "no random numbers"),
        (training_mean, OnePassDropout, "BC:4,6", "one pass"),
        (training_mean, ScaledInPredict, "BC:4,6", "not the identity"),
        (training_mean, Noise, "BC:4,6", "does not multiply"),
    ],
)
def test_a_check_that_does_not_apply_says_why(check, layer, layout, reason):
    if check is reset:
        layer = type("NoReset", (Rnn,), {"reset_state": None})
        layout, reason = "CBT:2,3,4", "no reset method"

    assert reason in reason_of(check, make_case(layer, layout))


def test_a_mask_that_hardly_ever_drops_is_not_judged():
    cases = (make_case(RareDropout, "BC:2,6", seed=seed) for seed in range(100))
    reasons = [reason_of(training_mean, case) for case in cases if case.is_random]

    assert any("too rarely" in reason for reason in reasons)


class FlaggedMask:
    def forward(self, x, training=True):
        self.mask = (np.random.random(x.shape) < 0.5) if training else np.ones_like(x)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class SwitchedMask(FlaggedMask):
    training = True

    def forward(self, x):
        return super().forward(x, self.training)

    def train(self):
        self.training = True

    def eval(self):
        self.training = False


@pytest.mark.parametrize(
    ("layer", "predict"),
    [(FlaggedMask, "forward(training=False)"), (SwitchedMask, "forward() after eval()")],
)
def test_a_pass_of_prediction_is_called_as_the_layer_is_told(layer, predict):
    finding = finding_of(training_mean, make_case(layer, "BC:9,11"))

    assert finding.what.startswith("forward() multiplies by a random mask of mean ")
    assert f", and {predict} by 1." in finding.what
