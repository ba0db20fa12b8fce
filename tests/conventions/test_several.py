from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import LayoutError, QuestionError, ReturnError
from tests.conventions.driven import run, subject_of


class Multiply:
    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, dout):
        return dout * self.b, dout * self.a


def test_several_inputs_get_their_gradients_in_order():
    subject = subject_of(Multiply(), "BC:4,6", "BC:4,6")
    found = run(subject)

    assert subject.convention == "several"
    assert subject.input_names == ("a", "b")
    np.testing.assert_array_equal(found.input_gradients[0], found.upstream[0] * found.inputs[1])


def test_several_inputs_need_a_layout_each():
    with pytest.raises(LayoutError, match=r"2 inputs \(a, b\)"):
        subject_of(Multiply(), "BC:4,6")


class InputsOfOneLetter:
    """`db` is the gradient of the input b, and `dbias` that of the learnable."""

    def __init__(self):
        self.bias = np.zeros(6)

    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b + self.bias

    def backward(self, dout):
        self.dbias = dout.sum(axis=0)
        da, db = dout * self.b, dout * self.a
        return da, db


def test_several_input_gradient_is_not_taken_for_that_of_the_bias():
    subject = subject_of(InputsOfOneLetter(), "BC:4,6", "BC:4,6")
    found = run(subject)

    np.testing.assert_allclose(found.gradients["bias"], found.upstream[0].sum(axis=0))
    np.testing.assert_allclose(found.input_gradients[1], found.upstream[0] * found.inputs[0])


class Swapped(Multiply):
    def backward(self, dout):
        da, db = super().backward(dout)
        return db, da


def test_several_swapped_gradients_stay_swapped():
    found = run(subject_of(Swapped(), "BC:4,6", "BC:4,6"))

    np.testing.assert_array_equal(found.input_gradients[1], found.upstream[0] * found.inputs[1])


class Cell:
    def __init__(self):
        self.params = [np.random.default_rng(0).normal(size=(3, 5))]
        self.grads = [np.zeros((3, 5))]

    def forward(self, x, h, c):
        self.x, self.c = x, c
        self.h_next = np.tanh(x @ self.params[0] + h)
        return self.h_next, self.h_next * c

    def backward(self, dh, dc):
        da = (dh + dc * self.c) * (1 - self.h_next**2)
        self.grads[0][...] = self.x.T @ da
        return da @ self.params[0].T, da, dc * self.h_next


class CellOfPair(Cell):
    def backward(self, upstream):
        dh, dc = upstream
        return super().backward(dh, dc)


@pytest.mark.parametrize("layer", [Cell(), CellOfPair()])
def test_several_outputs_have_an_upstream_each(layer):
    subject = subject_of(layer, "BC:4,3", "BC:4,5", "BC:4,5")
    found = run(subject)

    dh, dc = found.upstream
    x, h, c = found.inputs
    h_next = np.tanh(x @ found.values["params.0"] + h)
    da = (dh + dc * c) * (1 - h_next**2)
    np.testing.assert_allclose(found.outputs[1], h_next * c)
    np.testing.assert_allclose(found.gradients["params.0"], x.T @ da)
    np.testing.assert_allclose(found.input_gradients[1], da)


class ReturnsItsWeightsToo:
    """Only the first of two results is an output."""

    def forward(self, x):
        self.p = np.tanh(x)
        return x * 2, self.p

    def backward(self, dout):
        return 2 * dout


def test_several_results_with_one_upstream_are_tried():
    found = run(subject_of(ReturnsItsWeightsToo(), "BC:4,6"))

    assert len(found.outputs) == 1
    np.testing.assert_array_equal(found.input_gradients[0], 2 * found.upstream[0])


class TwoForOne:
    def forward(self, x):
        return 2 * x

    def backward(self, first, second):
        return first


def test_several_upstreams_for_one_output_are_a_question():
    with pytest.raises(QuestionError, match="takes 2 arguments that may be upstream") as caught:
        subject_of(TwoForOne(), "BC:4,6")

    assert str(caught.value).endswith("(upstream gradient, learning rate).")


class OneForTwo(Multiply):
    def backward(self, dout):
        return dout * self.b


def test_several_inputs_with_one_gradient_are_the_layers_error():
    with pytest.raises(ReturnError, match=r"1 value; expected 2 input gradients \(a, b\)"):
        run(subject_of(OneForTwo(), "BC:4,6", "BC:4,6"))


class Stack:
    def forward(self, *xs):
        self.count = len(xs)
        return np.concatenate(xs, axis=1)

    def backward(self, dout):
        return np.split(dout, self.count, axis=1)


def test_several_starred_inputs_are_as_many_as_layouts():
    subject = subject_of(Stack(), "BC:4,2", "BC:4,2", "BC:4,2")
    found = run(subject)

    assert subject.input_names == ("x1", "x2", "x3")
    np.testing.assert_array_equal(found.input_gradients[2], found.upstream[0][:, 4:])


class OptionalInput:
    def forward(self, x, mask=None, training=True):
        self.mask = np.ones_like(x) if mask is None else mask
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


def test_several_optional_input_is_used_where_a_layout_is_given():
    alone = subject_of(OptionalInput(), "BC:4,6")
    both = subject_of(OptionalInput(), "x=BC:4,6", "mask=BC:4,6")

    assert alone.input_names == ("x",)
    assert both.input_names == ("x", "mask")
    assert not alone.facts.one_pass


class Joined:
    def forward(self, inputs):
        self.sizes = [x.shape[1] for x in inputs]
        return np.concatenate(inputs, axis=1)

    def backward(self, dout):
        return np.split(dout, np.cumsum(self.sizes)[:-1], axis=1)


class Product:
    def forward(self, pair):
        a, b = pair
        self.pair = pair
        return a * b

    def backward(self, dout):
        return dout * self.pair[1], dout * self.pair[0]


class Annotated(Product):
    def forward(self, x: list[np.ndarray]) -> np.ndarray:
        return super().forward(x)


@pytest.mark.parametrize("layer", [Joined, Product, Annotated])
def test_several_inputs_may_be_one_list(layer):
    subject = subject_of(layer(), "BC:4,6", "BC:4,6")
    found = run(subject)

    x, y = found.inputs
    d = found.upstream[0]
    expected = (d[:, :6], d[:, 6:]) if layer is Joined else (d * y, d * x)
    np.testing.assert_array_equal(found.input_gradients, expected)


def test_several_inputs_of_one_list_are_named_after_it():
    assert subject_of(Joined(), "BC:4,6", "BC:4,3").input_names == ("inputs1", "inputs2")


class HandedAgain(Product):
    def backward(self, inputs, grad_output):
        a, b = inputs
        return grad_output * b, grad_output * a


def test_several_inputs_of_one_list_are_handed_to_backward_as_one():
    found = run(subject_of(HandedAgain(), "BC:4,6", "BC:4,6"))

    np.testing.assert_array_equal(found.input_gradients[1], found.upstream[0] * found.inputs[0])


class OneArray:
    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, np.ones((6, 2)))

    def backward(self, dout):
        return dout @ np.ones((2, 6))


def test_one_array_called_inputs_takes_one_layout():
    with pytest.raises(LayoutError, match=r"1 input \(inputs\), and 2 layouts were given"):
        subject_of(OneArray(), "BC:4,6", "BC:4,6")


def test_a_list_that_does_not_run_says_what_was_raised():
    with pytest.raises(LayoutError, match=r"on a list of them: forward\(\) raised ValueError"):
        subject_of(Joined(), "BC:4,6", "BTC:4,2,6")
