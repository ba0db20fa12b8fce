from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import DeclarationError
from tests.conventions.driven import run, subject_of


class Dropout:
    """Doubles its input in training, which stands for a random mask."""

    def backward(self, dout):
        return 2 * dout

    def _pass(self, x, training):
        return 2 * x if training else x


def keyword(name, default):
    """Return a layer whose forward has one more argument."""
    values = {"train": True, "test": False, True: True, False: False}
    is_evaluation = name in ("testing", "is_test", "inference", "evaluation")

    def decide(value):
        return values[value] != is_evaluation

    class Layer(Dropout):
        pass

    scope = {"decide": decide, "default": default}
    exec(f"def forward(self, x, {name}=default): return self._pass(x, decide({name}))", scope)
    Layer.forward = scope["forward"]
    return Layer()


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("training", True),
        ("training", False),
        ("train_flg", True),
        ("train_flag", True),
        ("is_training", True),
        ("is_train", True),
        ("train", True),
        ("mode", "train"),
        ("mode", "test"),
        ("testing", False),
        ("is_test", False),
        ("inference", False),
    ],
)
def test_training_argument_is_recognised_by_its_name(name, default):
    subject = subject_of(keyword(name, default), "BC:4,6")

    require_modes(subject)


def require_modes(subject):
    trained, predicted = run(subject), run(subject, mode="predict")

    assert not subject.facts.one_pass
    assert subject.input_names == ("x",)
    np.testing.assert_array_equal(trained.outputs[0], 2 * trained.inputs[0])
    np.testing.assert_array_equal(predicted.outputs[0], predicted.inputs[0])


class RequiredArgument(Dropout):
    def forward(self, training, x):
        return self._pass(x, training)


def test_training_argument_may_be_required_and_come_first():
    require_modes(subject_of(RequiredArgument(), "BC:4,6"))


class OddArgument(Dropout):
    def forward(self, x, noisy=True):
        return self._pass(x, noisy)


def test_training_argument_of_another_name_is_declared():
    require_modes(subject_of(OddArgument(), "BC:4,6", declared={"train": "noisy"}))
    with pytest.raises(DeclarationError, match="Did you mean 'noisy'"):
        subject_of(OddArgument(), "BC:4,6", declared={"train": "noisi"})


def attribute(name, training, predicting):
    class Layer(Dropout):
        def __init__(self):
            setattr(self, name, predicting)

    scope = {}
    exec(f"def forward(self, x): return self._pass(x, self.{name} == {training!r})", scope)
    Layer.forward = scope["forward"]
    return Layer()


@pytest.mark.parametrize(
    ("name", "training", "predicting"),
    [
        ("training", True, False),
        ("is_training", True, False),
        ("testing_phase", False, True),
        ("mode", "train", "test"),
        ("regime", "training", "test"),
    ],
)
def test_training_attribute_is_recognised_by_its_name(name, training, predicting):
    require_modes(subject_of(attribute(name, training, predicting), "BC:4,6"))


class OddAttribute(Dropout):
    noisy = True

    def forward(self, x):
        return self._pass(x, self.noisy)


def test_training_attribute_of_another_name_is_declared():
    require_modes(subject_of(OddAttribute(), "BC:4,6", declared={"train": "noisy"}))


class Methods(Dropout):
    def __init__(self):
        self._on = False

    def train(self):
        self._on = True

    def eval(self):
        self._on = False

    def forward(self, x):
        return self._pass(x, self._on)


def test_training_may_be_switched_by_methods():
    require_modes(subject_of(Methods(), "BC:4,6"))


class PaddingMode(Dropout):
    """A mode that has nothing to do with training."""

    def forward(self, x, mode="same"):
        return 2 * x if mode == "same" else None


def test_training_is_not_what_a_padding_mode_says():
    assert subject_of(PaddingMode(), "BC:4,6").facts.one_pass


class TrainsModels(Dropout):
    """`train` wants data: it is no switch."""

    def train(self, x, y):
        raise AssertionError

    def eval(self, x, y):
        raise AssertionError

    def forward(self, x):
        return 2 * x


def test_training_methods_with_arguments_are_no_switches():
    assert subject_of(TrainsModels(), "BC:4,6").facts.one_pass


class OwnPredict(Dropout):
    def forward(self, x):
        return 2 * x

    def predict(self, x):
        return x


def test_training_may_have_a_pass_of_its_own():
    require_modes(subject_of(OwnPredict(), "BC:4,6"))


class Unused(Dropout):
    """An attribute that no pass reads is no flag."""

    def __init__(self):
        self.training = True

    def forward(self, x):
        return 2 * x


def test_training_attribute_that_nothing_reads_is_no_flag():
    assert subject_of(Unused(), "BC:4,6").facts.one_pass
