from __future__ import annotations

import numpy as np
import pytest

from layercheck import Layer, Learnable
from layercheck.subject import Facts
from layercheck.suites import contract
from layercheck.suites.contract import (
    construct,
    copy_and_pickle,
    initialize,
    learnables_found,
    signatures,
)
from tests.cases import finding_of, make_case, reason_of


class Scale:
    """One factor a channel, read from the layout."""

    learnables = ("scale",)

    def __init__(self, channels=None):
        self.channels = channels
        self.scale = None

    def initialize(self, layout):
        if self.scale is None:
            channels = self.channels or layout.size[layout.find("C")]
            self.scale = layout.along("C", np.linspace(1, 2, channels))

    def predict(self, x):
        return self.scale * x

    def backward(self, x, z, dz, memory):
        others = tuple(axis for axis, n in enumerate(self.scale.shape) if n == 1)
        return self.scale * dz, (x * dz).sum(axis=others, keepdims=True)


class Tanh:
    def predict(self, x):
        return np.tanh(x)

    def backward(self, x, z, dz, memory):
        return dz * (1 - z**2)


class Positions(Scale):
    """Adds a table that follows T; its channels are the constructor's."""

    learnables = ("scale", "table")

    def initialize(self, layout):
        super().initialize(layout)
        self.table = layout.along("T", np.linspace(0, 1, layout.size[layout.find("T")]))

    def predict(self, x):
        return self.scale * x + self.table

    def backward(self, x, z, dz, memory):
        return (*super().backward(x, z, dz, memory), dz.sum(axis=(0, 2), keepdims=True))


class Factored(Layer):
    gain = Learnable(learn_rate_factor=2.0, l2_factor=0.0)

    def __init__(self):
        self.gain = np.array(1.5)

    def predict(self, x):
        return self.gain * x

    def backward(self, x, z, dz, memory):
        return self.gain * dz, np.sum(x * dz)


CORRECT = (
    (Scale(), "SSCB:5,4,3,2"),
    (Scale(), "BC:4,4"),
    (Scale(3), "BTC:2,5,3"),
    (Tanh(), "BC:4,6"),
    (Positions(3), "BTC:2,5,3"),
    (Factored(), "BC:4,6"),
)


@pytest.mark.parametrize(("layer", "layout"), CORRECT, ids=lambda v: type(v).__name__)
def test_correct_layers_pass_or_skip_every_check(layer, layout):
    case = make_case(layer, layout)

    construct(case)
    signatures(case)
    copy_and_pickle(case)
    if hasattr(layer, "initialize"):
        initialize(case)
    if hasattr(layer, "learnables"):
        learnables_found(case)


def test_checks_are_those_of_the_design_in_order():
    assert contract.suite.ids == (
        "contract.construct",
        "contract.initialize",
        "contract.signatures",
        "contract.learnables_found",
        "contract.copy_and_pickle",
    )


# initialize


def test_initialize_is_skipped_without_the_method():
    assert "no initialize method" in reason_of(initialize, make_case(Tanh, "BC:4,6"))


def test_initialize_fails_where_a_learnable_stays_unset():
    class Forgets(Scale):
        learnables = ("scale", "offset")

    finding = finding_of(initialize, make_case(Forgets, "BC:4,6"))

    assert finding.what == "initialize() leaves offset without a value."
    assert finding.where == "offset"


def test_initialize_fails_where_a_learnable_is_not_finite():
    class Infinite(Scale):
        def initialize(self, layout):
            super().initialize(layout)
            self.scale[..., 2] = np.inf

    finding = finding_of(initialize, make_case(Infinite, "BC:4,6"))

    assert finding.what == "initialize() sets learnable scale to inf."
    assert finding.where == "scale[0, 2]"
    assert finding.wrong == 1
    assert finding.source.function == "Infinite.initialize"


@pytest.mark.parametrize("draw", ["own", "global", "fresh"])
def test_initialize_fails_where_a_second_call_draws_again(draw):
    class Draws(Scale):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(0)

        def initialize(self, layout):
            draws = {
                "own": lambda n: self.rng.normal(size=n),
                "global": lambda n: np.random.normal(size=n),
                "fresh": lambda n: np.random.default_rng().normal(size=n),
            }
            channels = layout.size[layout.find("C")]
            self.scale = layout.along("C", draws[draw](channels))

    finding = finding_of(initialize, make_case(Draws, "BC:4,6"))

    assert finding.what == "A second initialize() changes scale: what was learned would be lost."
    assert finding.where == "scale"


@pytest.mark.parametrize(
    ("layout", "axis"), [("SSCB:5,4,5,3", 0), ("BC:4,4", 0), ("CBT:3,2,3", 2), ("SSCB:4,4,4,4", 1)]
)
def test_initialize_fails_where_a_learnable_takes_the_size_of_a_wrong_axis(layout, axis):
    class WrongAxis(Scale):
        def initialize(self, layout):
            if self.scale is None:
                self.scale = layout.along("C", np.linspace(1, 2, layout.size[axis]))

    finding = finding_of(initialize, make_case(WrongAxis, layout))

    assert "predict() raised ValueError" in finding.what
    assert finding.where.startswith("scale (")
    assert finding.where.endswith(f"took the size of {layout[axis]}")
    assert finding.source.line is not None


def test_initialize_excuses_sizes_that_the_constructor_fixed():
    passed = initialize(make_case(Scale(3), "BTC:2,5,3"))

    assert passed.notes == ("only at the size given: C",)
    assert initialize(make_case(Positions(3), "BTC:2,5,3")).notes == passed.notes
    assert initialize(make_case(Scale(), "BTC:2,5,3")).notes == ()


def test_initialize_keeps_to_the_sizes_of_given_data():
    data = np.linspace(-1, 1, 12).reshape(4, 3)

    assert initialize(make_case(Scale, "BC:4,3", data={"x": data})).notes == ()


# signatures


def test_signatures_name_the_arguments_of_a_backward_that_takes_others():
    class UpstreamAlone(Scale):
        def backward(self, x, dz):
            return dz, dz

    finding = finding_of(signatures, make_case(UpstreamAlone, "BC:4,6"))

    assert finding.what == (
        "backward() takes (x, dz); it is called with 4 arguments: 1 inputs, 1 outputs, "
        "1 upstream gradients, memory."
    )
    assert finding.source.function == "UpstreamAlone.backward"


def test_signatures_count_what_backward_returns():
    class ForgetsLearnable(Scale):
        def backward(self, x, z, dz, memory):
            return self.scale * dz

    finding = finding_of(signatures, make_case(ForgetsLearnable, "BC:4,6"))

    assert finding.what == (
        "backward() returned 1 value; expected 2 gradients (1 input, 1 learnable)."
    )
    assert finding.source.function == "ForgetsLearnable.backward"


def test_signatures_count_what_forward_returns():
    class WithoutMemory(Scale):
        def forward(self, x):
            return self.predict(x)

    finding = finding_of(signatures, make_case(WithoutMemory, "BC:4,6"))

    assert finding.what == "forward() returned 1 value; expected 2: 1 output and memory."


def test_signatures_ask_for_arrays():
    class ReturnsList(Tanh):
        num_outputs = 2

        def predict(self, x):
            return np.tanh(x), [1.0]

        def backward(self, x, z, y, dz, dy, memory):
            return dz

    finding = finding_of(signatures, make_case(ReturnsList, "BC:4,6"))

    assert finding.what == "predict() returned a list where an array is expected."
    assert str(finding.fix).startswith("Return NumPy arrays")


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        ({"learn_rate_factor": -1.0}, "learn_rate_factor=-1.0"),
        ({"l2_factor": float("nan")}, "l2_factor=nan"),
        ({"l2_factor": "much"}, "l2_factor='much'"),
    ],
)
def test_signatures_refuse_factors_that_are_not_zero_or_more(factors, text):
    class Climbs(Factored):
        gain = Learnable(**factors)

    finding = finding_of(signatures, make_case(Climbs, "BC:4,6"))

    assert finding.what == f"Climbs declares gain with {text}."
    assert finding.where == "gain"


def test_signatures_look_at_the_factors_of_inner_layers():
    class Inner(Factored):
        gain = Learnable(l2_factor=-2.0)

    class Outer:
        learnables = ("inner",)

        def __init__(self):
            self.inner = Inner()

        def predict(self, x):
            return self.inner.predict(x)

    assert finding_of(signatures, make_case(Outer, "BC:4,6")).what.startswith("Inner declares gain")


def test_signatures_leave_exceptions_to_the_shapes_suite():
    class Typo(Tanh):
        def predict(self, x):
            return np.tanh(y)  # noqa: F821

    class TypoInBackward(Tanh):
        def backward(self, x, z, dz, memory):
            return y  # noqa: F821

    assert reason_of(signatures, make_case(Typo, "BC:4,6")) == "needs shapes.predict"
    assert reason_of(signatures, make_case(TypoInBackward, "BC:4,6")) == "needs shapes.gradients"


# learnables_found


def test_learnables_found_is_skipped_without_learnables():
    assert "no learnables" in reason_of(learnables_found, make_case(Tanh, "BC:4,6"))


def test_learnables_found_fails_for_a_name_that_is_not_there():
    class Misspelt(Scale):
        learnables = ("scale", "ofset", "gian")

    finding = finding_of(learnables_found, make_case(Misspelt, "BC:4,6"))

    assert finding.what == "Misspelt declares ofset, gian, which are not there."


def test_learnables_found_fails_without_a_gradient():
    from dataclasses import replace

    from layercheck.case import Case

    subject = make_case(Scale, "BC:4,6").subject
    lonely = replace(subject, learnables=(replace(subject.learnables[0], gradient=None),))

    finding = finding_of(learnables_found, Case(lonely, "float64"))

    assert finding.what == "No gradient of learnable scale was found after backward()."
    assert finding.fix == "Say where it is: --declare gradient.scale=ATTRIBUTE."
    assert learnables_found(Case(replace(lonely, facts=Facts(backward="none")), "float64")) is None


# copy_and_pickle


class EditsItsInput(Tanh):
    def predict(self, x):
        x *= 0.5
        return np.tanh(x)


class DropsFactor(Tanh):
    """A state for pickling that leaves out an argument of the constructor."""

    factor = 1.0

    def __init__(self, factor=3.0):
        self.factor = factor

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        pass

    def predict(self, x):
        return self.factor * x


class DropsFactorWhenPickled(DropsFactor):
    def __deepcopy__(self, memo):
        return type(self)(self.factor)


class DropsWeights(Scale):
    def __getstate__(self):
        return {"channels": self.channels}


def test_copy_and_pickle_compares_a_deep_copy():
    finding = finding_of(copy_and_pickle, make_case(DropsFactor, "BC:4,6"))

    assert finding.what == "A deep copy of the layer predicts something else than the layer."
    assert finding.wrong == 24
    assert finding.worst.numeric == 3 * finding.worst.analytic


def test_copy_and_pickle_compares_a_pickled_copy():
    finding = finding_of(copy_and_pickle, make_case(DropsFactorWhenPickled, "BC:4,6"))

    assert finding.what == "A pickled copy of the layer predicts something else than the layer."


def test_copy_and_pickle_fails_where_the_copy_does_not_run():
    finding = finding_of(copy_and_pickle, make_case(DropsWeights, "BC:4,6"))

    assert finding.what.startswith("A deep copy of the layer does not run: predict() raised")
    assert finding.details == ("return self.scale * x",)


def test_copy_and_pickle_compares_random_layers_with_the_same_draws():
    assert copy_and_pickle(make_case(Noise, "BC:4,6")) is None


class Noise(Tanh):
    def __init__(self):
        self.rng = np.random.default_rng(1)

    def predict(self, x):
        return x + self.rng.normal(size=x.shape)


def test_copy_and_pickle_is_skipped_with_the_reason_why_it_cannot_be_pickled():
    class Local(Tanh):
        pass

    reason = reason_of(copy_and_pickle, make_case(Local, "BC:4,6"))

    assert reason.startswith("the layer cannot be copied as a pickled copy: ")
    assert "Local" in reason


def test_copy_and_pickle_gives_each_copy_inputs_of_its_own():
    case = make_case(EditsItsInput, "BC:4,6")
    before = case.point().inputs[0].copy()

    assert copy_and_pickle(case) is None
    assert np.array_equal(case.point().inputs[0], before)
