from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import QuestionError
from tests.conventions.driven import gradient_places, require_affine, run, subject_of


class Linear:
    def __init__(self):
        self.W = np.random.default_rng(0).normal(size=(6, 3))
        self.b = np.zeros(3)
        self.gradW = np.full_like(self.W, np.nan)
        self.gradb = np.full_like(self.b, np.nan)
        self.train = True

    def updateOutput(self, input):
        self.output = input @ self.W + self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput @ self.W.T
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += input.T @ gradOutput
        self.gradb += gradOutput.sum(axis=0)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)


class WithBase(Linear):
    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput


@pytest.mark.parametrize("layer", [Linear(), WithBase()])
def test_torch7_layer_starts_from_zeroed_buffers(layer):
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "W", "b")

    assert subject.convention == "torch7"
    assert subject.facts.clears_gradients
    assert gradient_places(subject) == {"W": "attribute gradW", "b": "attribute gradb"}


class Dropout:
    def __init__(self):
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def updateOutput(self, input):
        self.mask = np.random.rand(*input.shape) > 0.5 if self.training else 1
        return input * self.mask

    def backward(self, input, gradOutput):
        return gradOutput * self.mask

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


def test_torch7_layer_is_switched_by_train_and_evaluate():
    subject = subject_of(Dropout(), "BC:4,6")
    predicted, trained = run(subject, mode="predict"), run(subject)

    assert not subject.facts.one_pass
    np.testing.assert_array_equal(predicted.outputs[0], predicted.inputs[0])
    assert (trained.outputs[0] == 0).any()


class Unnamed(Linear):
    def forward(self, first):
        return self.updateOutput(first)

    def backward(self, one, two):
        self.gradW, self.gradb = one.T @ two, two.sum(axis=0)
        return two @ self.W.T

    updateGradInput = None


def test_torch7_order_of_unnamed_arguments_is_a_question_that_is_answered():
    with pytest.raises(QuestionError, match="--declare convention=torch7"):
        subject_of(Unnamed(), "BC:4,6")
    subject = subject_of(Unnamed(), "BC:4,6", declared={"convention": "torch7"})

    require_affine(run(subject), "W", "b")
