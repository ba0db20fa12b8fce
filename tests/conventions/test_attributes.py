from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import QuestionError
from tests.conventions.driven import gradient_places, require_affine, run, subject_of


class Dense:
    def __init__(self):
        self.weights = np.random.default_rng(0).normal(size=(6, 3))
        self.biases = np.zeros((1, 3))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


def test_attributes_hold_outputs_and_gradients():
    subject = subject_of(Dense(), "BC:4,6")

    require_affine(run(subject), "weights", "biases")

    assert subject.convention == "attributes"
    assert subject.input_names == ("inputs",)
    assert gradient_places(subject) == {
        "weights": "attribute dweights",
        "biases": "attribute dbiases",
    }


class TwoStages(Dense):
    """Keeps the sum before its activation too, and calls the output A."""

    def forward(self, inputs):
        super().forward(inputs)
        self.Z, self.A = self.output, np.tanh(self.output)
        del self.output

    def backward(self, dvalues):
        super().backward(dvalues * (1 - self.A**2))


def test_attributes_output_is_found_by_the_usual_names():
    found = run(subject_of(TwoStages(), "BC:4,6"))

    z = np.tanh(found.inputs[0] @ found.values["weights"] + found.values["biases"])
    np.testing.assert_allclose(found.outputs[0], z)


class OddNames(Dense):
    def forward(self, inputs):
        self.inputs = inputs
        self.half = inputs @ self.weights / 2
        self.whole = 2 * self.half + self.biases

    def backward(self, dvalues):
        super().backward(dvalues)
        self.towards_x = self.dinputs
        del self.dinputs


def test_attributes_without_usual_names_are_asked_for_and_declared():
    with pytest.raises(QuestionError) as output:
        subject_of(OddNames(), "BC:4,6")
    with pytest.raises(QuestionError) as gradient:
        subject_of(OddNames(), "BC:4,6", declared={"result": "whole"})
    declared = {"result": "whole", "gradient.inputs": "towards_x"}

    require_affine(run(subject_of(OddNames(), "BC:4,6", declared=declared)), "weights", "biases")

    assert "leaves several arrays (half, whole)" in str(output.value)
    assert str(output.value).endswith("--declare result=whole.")
    assert str(gradient.value).endswith("--declare gradient.inputs=towards_x.")


class NoInputGradient(Dense):
    def backward(self, dvalues):
        super().backward(dvalues)
        del self.dinputs


def test_attributes_missing_input_gradient_is_none():
    assert run(subject_of(NoInputGradient(), "BC:4,6")).input_gradients == (None,)


class Nothing:
    def forward(self, inputs):
        pass

    def backward(self, dvalues):
        pass


def test_attributes_without_any_output_is_a_question():
    with pytest.raises(QuestionError, match="--declare result=ATTRIBUTE"):
        subject_of(Nothing(), "BC:4,6")
