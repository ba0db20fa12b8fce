"""The subject and the case on native layers: pure functions, whatever the layer hides."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.case import Case, Options
from layercheck.conventions import adapt
from layercheck.conventions.request import Request
from layercheck.errors import LayerError, LayoutError, ReturnError
from layercheck.layout import Layout
from layercheck.verdict import Skipped


class Scale:
    """z = w x, with w from the layout's channels."""

    learnables = ("w",)

    def __init__(self):
        self.w = None

    def initialize(self, layout):
        if self.w is None:
            self.w = np.ones(layout.size[layout.find("C")])

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        return self.w * dz, np.sum(x * dz, axis=0)


class Dropout:
    def __init__(self):
        self.rng = np.random.default_rng()

    def predict(self, x):
        return x

    def forward(self, x):
        mask = self.rng.random(x.shape) < 0.5
        return x * mask, mask

    def backward(self, x, z, dz, mask):
        return dz * mask


class Counter:
    """A recurrent sum over calls."""

    states = ("total",)

    def __init__(self):
        self.total = np.zeros(3)

    def predict(self, x):
        self.total = self.total + x.sum(axis=0)
        return x + self.total

    def reset_state(self):
        self.total = np.zeros(3)


def subject_of(layer, *layouts, **declared):
    parsed = tuple((None, Layout.parse(layout)) for layout in layouts)
    return adapt(Request(layer, type(layer).__name__, layouts=parsed, declared=declared))


def case_of(layer, *layouts, dtype="float64", options=None, **declared):
    return Case(subject_of(layer, *layouts, **declared), dtype, options=options)


def test_the_users_own_layer_is_never_touched():
    layer = Counter()
    case = case_of(layer, "BC:4,3")
    case.evaluate(case.point(), "predict")

    assert (layer.total == 0).all()


def test_the_same_arguments_give_the_same_result_though_the_layer_keeps_a_state():
    case = case_of(Counter(), "BC:4,3")
    first, second = (case.evaluate(case.point(), "predict") for _ in range(2))

    assert np.array_equal(first.outputs[0], second.outputs[0])
    assert np.array_equal(first.states[0], case.point().states[0] + case.point().inputs[0].sum(0))


def test_backward_gives_the_gradients_of_inputs_and_learnables():
    case = case_of(Scale(), "BC:4,3")
    evaluation = case.evaluate(case.point())
    upstream = case.upstream(evaluation.outputs)
    gradients = case.pull_back(evaluation, upstream)
    x, w = case.point().inputs[0], case.point().learnables[0]

    assert np.array_equal(gradients.inputs[0], w * upstream[0])
    assert np.array_equal(gradients.learnables[0], np.sum(x * upstream[0], axis=0))


def test_learnables_that_are_all_ones_are_made_to_differ():
    case = case_of(Scale(), "BC:4,3")

    assert len(set(case.point().learnables[0])) == 3


def test_backward_of_a_random_layer_uses_the_mask_of_its_forward():
    case = case_of(Dropout(), "BC:40,30")
    evaluation = case.evaluate(case.point())
    gradients = case.pull_back(evaluation, (np.ones((40, 30)),))

    assert np.array_equal(gradients.inputs[0] != 0, evaluation.outputs[0] != 0)


def test_a_random_forward_repeats_with_its_seed_and_changes_with_another():
    case = case_of(Dropout(), "BC:40,30")
    first, second = (case.evaluate(case.point()) for _ in range(2))
    third = case.evaluate(case.point(), seed=1)

    assert np.array_equal(first.outputs[0], second.outputs[0])
    assert not np.array_equal(first.outputs[0], third.outputs[0])
    assert case.is_random


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_inputs_learnables_and_states_have_the_dtype_of_the_case(dtype):
    scale, counter = (
        case_of(Scale(), "BC:4,3", dtype=dtype),
        case_of(Counter(), "BC:4,3", dtype=dtype),
    )

    assert scale.base().outputs[0].dtype == dtype
    assert counter.base("predict").states[0].dtype == dtype


def test_both_dtypes_see_the_same_numbers():
    wide, narrow = (case_of(Scale(), "BC:4,3", dtype=d).point() for d in ("float64", "float32"))

    assert np.array_equal(wide.inputs[0], narrow.inputs[0])
    assert np.array_equal(wide.learnables[0], narrow.learnables[0])


def test_another_batch_size_changes_the_inputs_and_keeps_the_learnables():
    case = case_of(Scale(), "BC:4,3")
    point = case.point(batch=7)

    assert point.inputs[0].shape == (7, 3)
    assert point.learnables[0] is case.point().learnables[0]


def test_values_can_be_given_by_range_integers_and_data():
    low = case_of(Scale(), "BC:4,3", options=Options(ranges={"x": (0.5, 0.75)})).point().inputs[0]
    whole = case_of(Scale(), "BC:4,3", options=Options(integers={"": (2, 9)}))
    given = case_of(Scale(), "BC:4,3", options=Options(data={"x": np.eye(4, 3)}))

    assert 0.5 <= low.min() <= low.max() <= 0.75
    assert whole.point().inputs[0].dtype.kind == "i"
    assert whole.is_integer(0)
    assert np.array_equal(given.point().inputs[0], np.eye(4, 3))
    assert given.point(batch=6).inputs[0].shape == (6, 3)


def test_an_exception_of_the_layer_is_raised_with_its_place():
    class Breaks(Scale):
        def predict(self, x):
            raise KeyError("no such thing")

    with pytest.raises(LayerError, match=r"predict\(\) raised KeyError") as caught:
        case_of(Breaks(), "BC:4,3").attempt("predict")

    assert caught.value.file == __file__


def test_what_needs_a_pass_that_raised_is_skipped():
    class Breaks(Scale):
        def predict(self, x):
            raise KeyError("no such thing")

    with pytest.raises(Skipped, match=r"needs shapes\.predict"):
        case_of(Breaks(), "BC:4,3").gradients()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ((1.0,), r"returned 1 value; expected 2 gradients \(1 input, 1 learnable\)"),
        ((1.0, 2.0, 3.0), r"returned 3 values; expected 2 gradients"),
    ],
)
def test_a_wrong_number_of_gradients_is_said(returned, message):
    class Miscounts(Scale):
        def backward(self, x, z, dz, memory):
            return returned

    case = case_of(Miscounts(), "BC:4,3")
    with pytest.raises(ReturnError, match=message):
        case.attempt_gradients()


def test_a_pass_that_returns_no_array_is_said():
    class ReturnsNone(Scale):
        def predict(self, x):
            return None

    with pytest.raises(ReturnError, match="returned None where an array is expected"):
        case_of(ReturnsNone(), "BC:4,3").attempt("predict")


def test_layouts_must_be_as_many_as_inputs():
    with pytest.raises(LayoutError, match=r"Scale has 1 input \(x\), and 2 layouts were given"):
        subject_of(Scale(), "BC:4,3", "BC:4,3")


def test_a_named_layout_goes_to_its_input():
    class Add:
        def predict(self, a, b):
            return a + b

    parsed = (("b", Layout.parse("BC:2,1")), (None, Layout.parse("BC:2,5")))
    subject = adapt(Request(Add(), "Add", layouts=parsed))

    assert [str(layout) for layout in subject.layouts] == ["BC:2,5", "BC:2,1"]


def test_an_unknown_input_name_is_said():
    with pytest.raises(LayoutError, match=r"There is no input 'y'; the inputs of Scale are x"):
        adapt(Request(Scale(), "Scale", layouts=(("y", Layout.parse("BC:2,1")),)))


def test_nested_layers_give_their_learnables_and_states_by_dotted_name():
    class Outer:
        learnables = ("w", "net")

        def __init__(self):
            self.w = np.array([1.0, 2.0, 3.0])
            self.net = Counter()
            self.net.learnables = ("gain",)
            self.net.gain = np.array([4.0, 5.0, 6.0])

        def predict(self, x):
            return self.net.predict(self.w * x)

    subject = subject_of(Outer(), "BC:4,3")

    assert [slot.name for slot in subject.learnables] == ["w", "net.gain"]
    assert [slot.name for slot in subject.states] == ["net.total"]
