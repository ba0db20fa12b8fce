from __future__ import annotations

import numpy as np
import pytest

from layercheck.observations import (
    bit_masks,
    halves,
    keeps_observations_apart,
    output_batch_axes,
    output_layouts,
    state_batch_axes,
    sub_point,
)
from layercheck.recurrence import recurrent_states
from tests.cases import make_case


class Scale:
    def predict(self, x):
        return 2 * x


class ChannelsFirst:
    def predict(self, x):
        return np.moveaxis(x, -1, 0)


class MeanOverBatch:
    def predict(self, x):
        return x.mean(axis=0)


class ShapedForFour:
    def predict(self, x):
        return x.reshape(4, -1)


class Centred:
    def predict(self, x):
        return x - x.mean(axis=0)


class Shifted:
    def predict(self, x):
        return x + np.concatenate([0 * x[:1], x[:-1]])


class LastSeesFirst:
    def predict(self, x):
        z = x.copy()
        z[-1] += 1e-6 * x[0]
        return z


class Dropout:
    def predict(self, x):
        return x

    def forward(self, x):
        return x * (np.random.random(x.shape) < 0.5)


class BatchNorm:
    states = ("mean",)

    def __init__(self):
        self.mean = np.zeros(6)

    def predict(self, x):
        return x - self.mean

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return x - x.mean(axis=0)


class Counting:
    states = ("h", "steps")

    def initialize(self, layout):
        self.h = np.zeros((layout.size[0], layout.size[2]))
        self.steps = np.zeros((), np.int64)

    def predict(self, x):
        self.h = self.h + x.sum(axis=1)
        self.steps = self.steps + 1
        return np.repeat(self.h[:, None], x.shape[1], axis=1)


@pytest.mark.parametrize(
    ("layer", "layout", "axes", "format"),
    [
        (Scale, "BC:4,6", (0,), "BC"),
        (Scale, "SSCB:5,5,3,4", (3,), "SSCB"),
        (Scale, "BC:3,6", (0,), "BC"),
        (Scale, "BC:4,4", (0,), "BC"),
        (Scale, "BC:1,1", (0,), "BC"),
        (Scale, "C:6", (None,), "C"),
        (ChannelsFirst, "BSC:4,5,6", (1,), None),
        (MeanOverBatch, "BC:4,6", (None,), None),
        (ShapedForFour, "BC:4,6", (0,), "BC"),
    ],
)
def test_the_batch_axis_of_an_output_follows_the_batch_size(layer, layout, axes, format):
    case = make_case(layer, layout)
    (found,) = output_layouts(case)

    assert output_batch_axes(case) == axes
    assert (found.format if found else None) == format


def test_a_declared_output_layout_is_believed():
    case = make_case(ChannelsFirst, "BSC:4,5,6", declared={"output": "CBS"})

    assert output_batch_axes(case) == (1,)
    assert str(output_layouts(case)[0]) == "CBS:6,4,5"
    assert case.evaluations.forward == 1


@pytest.mark.parametrize("layout", ["BC:4,6", "BC:5,6", "BC:40,3"])
@pytest.mark.parametrize(
    ("layer", "apart"),
    [(Scale, True), (Dropout, True), (Centred, False), (Shifted, False), (BatchNorm, False)],
)
def test_observations_are_apart_where_none_changes_another(layer, layout, apart):
    if layer is BatchNorm and layout.endswith("3"):
        layout = "BC:40,6"

    assert keeps_observations_apart(make_case(layer, layout)) is apart


def test_a_faint_leak_between_one_pair_is_seen():
    assert not keeps_observations_apart(make_case(LastSeesFirst, "BC:13,6"))


def test_predict_and_forward_are_told_apart():
    case = make_case(BatchNorm, "BC:4,6")

    assert keeps_observations_apart(case, "predict")
    assert not keeps_observations_apart(case, "forward")


def test_data_of_the_user_are_exchanged_between_observations():
    data = np.arange(24.0).reshape(4, 6)

    assert not keeps_observations_apart(make_case(Centred, "BC:4,6", data={"x": data}))
    assert keeps_observations_apart(make_case(Scale, "BC:4,6", data={"x": data}))


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_bit_masks_tell_any_two_observations_apart(size):
    codes = {tuple(mask[i] for mask in bit_masks(size)) for i in range(size)}

    assert len(codes) == size


def test_halves_of_large_batches_are_few():
    assert len(list(halves(make_case(Scale, "BC:128,2")))) == 4


def test_a_sub_point_takes_inputs_and_states_of_its_observations():
    case = make_case(Counting, "BTC:4,5,3")
    point = case.point()
    part = sub_point(case, point, [3, 1])

    assert state_batch_axes(case) == (0, None)
    assert str(part.layouts[0]) == "BTC:2,5,3"
    np.testing.assert_array_equal(part.inputs[0], point.inputs[0][[3, 1]])
    np.testing.assert_array_equal(part.states[0], point.states[0][[3, 1]])
    np.testing.assert_array_equal(part.states[1], point.states[1])


def test_a_state_is_recurrent_if_the_training_output_depends_on_it():
    assert recurrent_states(make_case(Counting, "BTC:4,5,3")) == (True, False)
    assert recurrent_states(make_case(BatchNorm, "BC:4,6")) == (False,)
