from __future__ import annotations

import numpy as np
import pytest

from layercheck.suites import shapes
from layercheck.suites.shape_causes import broadcast_axes
from layercheck.suites.shapes import (
    forward,
    forward_matches_predict,
    gradients,
    output_layout,
    predict,
    unknown_sizes,
)
from tests.cases import answer_of, finding_of, make_case, reason_of


class Dense:
    learnables = ("W", "b")

    def __init__(self):
        self.W = np.linspace(-1, 1, 18).reshape(6, 3)
        self.b = np.linspace(0, 1, 3)

    def predict(self, x):
        return x @ self.W + self.b

    def backward(self, x, z, dz, memory):
        return dz @ self.W.T, x.T @ dz, dz.sum(axis=0)


class PRelu:
    learnables = ("alpha",)

    def initialize(self, layout):
        self.alpha = layout.along("C", np.linspace(0.1, 0.9, layout.size[layout.find("C")]))

    def predict(self, x):
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, x, z, dz, memory):
        dalpha = np.sum(np.minimum(x, 0) * dz, axis=self.axes(x), keepdims=True)
        return np.where(x > 0, dz, self.alpha * dz), dalpha

    def axes(self, x):
        return tuple(axis for axis, n in enumerate(self.alpha.shape) if n == 1)


class TwoPasses:
    def predict(self, x):
        return np.tanh(x)

    def forward(self, x):
        z = np.tanh(x)
        return z, z

    def backward(self, x, z, dz, memory):
        return dz * (1 - memory**2)


class Embedding:
    learnables = ("W",)

    def __init__(self):
        self.W = np.linspace(-1, 1, 27).reshape(9, 3)

    def predict(self, x):
        return self.W[x]

    def backward(self, x, z, dz, memory):
        dW = np.zeros_like(self.W)
        np.add.at(dW, x, dz)
        return None, dW


class Dropout(TwoPasses):
    def forward(self, x):
        mask = (np.random.random(x.shape) < 0.5) * 2
        return mask * np.tanh(x), mask * (1 - np.tanh(x) ** 2)

    def backward(self, x, z, dz, memory):
        return dz * memory


class Centred(TwoPasses):
    def forward(self, x):
        return np.tanh(x) - np.tanh(x).mean(axis=0), np.tanh(x)

    def backward(self, x, z, dz, memory):
        return (dz - dz.mean(axis=0)) * (1 - memory**2)


class Flatten:
    def predict(self, x):
        return x.reshape(-1, x.shape[-1])

    def backward(self, x, z, dz, memory):
        return dz.reshape(x.shape)

    def output_layout(self, layout):
        return layout.of("CB", (np.prod(layout.size[:-1]), layout.size[-1]))


CORRECT = (
    (Dense, "BC:4,6", {}),
    (PRelu, "SSCB:5,4,3,2", {}),
    (PRelu, "CBT:?,?,?", {}),
    (TwoPasses, "BC:?,6", {}),
    (Embedding, "BT:4,5", {"integers": {"x": (0, 9)}}),
    (Dropout, "BC:4,6", {}),
    (Centred, "BC:4,6", {}),
    (Flatten, "SSCB:5,?,3,?", {}),
)


@pytest.mark.parametrize("check", shapes.suite.checks, ids=lambda check: check.name)
@pytest.mark.parametrize(("layer", "layout", "options"), CORRECT, ids=lambda v: str(v))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_correct_layers_pass_or_skip_every_check(check, layer, layout, options, dtype):
    answer = answer_of(check, make_case(layer, layout, dtype=dtype, **options))

    assert answer is None or not answer.startswith("needs")


def test_checks_are_those_of_the_design_in_order():
    assert [check.name for check in shapes.suite.checks] == [
        "predict",
        "forward",
        "forward_matches_predict",
        "output_layout",
        "gradients",
        "unknown_sizes",
    ]


# predict, forward


class PredictHasATypo(TwoPasses):
    def predict(self, x):
        return np.tanh(y)  # noqa: F821


class ForwardHasATypo(TwoPasses):
    def forward(self, x):
        return np.tanh(y), None  # noqa: F821


def test_predict_fails_with_the_line_that_raised():
    case = make_case(PredictHasATypo, "BC:4,6")

    finding = finding_of(predict, case)

    assert finding.what == "predict() raised NameError: name 'y' is not defined."
    assert finding.where == "at x BC:4,6"
    assert finding.source.file == __file__
    assert finding.source.function == "PredictHasATypo.predict"
    assert finding.details == ("return np.tanh(y)  # noqa: F821",)
    assert forward(case) is None
    assert reason_of(forward_matches_predict, case) == "needs shapes.predict"


def test_forward_fails_with_the_line_that_raised():
    case = make_case(ForwardHasATypo, "BC:4,6")

    assert finding_of(forward, case).source.function == "ForwardHasATypo.forward"
    assert predict(case) is None
    assert reason_of(gradients, case) == "needs shapes.forward"


def test_predict_fails_for_sizes_that_do_not_fit():
    finding = finding_of(predict, make_case(Dense, "BC:4,5"))

    assert finding.what.startswith("predict() raised ValueError: matmul: ")
    assert finding.details == ("return x @ self.W + self.b",)


def test_forward_is_skipped_with_one_pass():
    assert "one pass" in reason_of(forward, make_case(Dense, "BC:4,6"))


def test_passes_leave_what_they_return_to_the_contract():
    class WithoutMemory(TwoPasses):
        def forward(self, x):
            return np.tanh(x)

    class TakesTwo(TwoPasses):
        num_inputs = 1

        def predict(self, x, y):
            return x + y

    assert reason_of(forward, make_case(WithoutMemory, "BC:4,6")) == "needs contract.signatures"
    assert reason_of(predict, make_case(TakesTwo, "BC:4,6")) == "needs contract.signatures"


# forward_matches_predict


def test_forward_matches_predict_fails_for_other_sizes():
    class KeepsAxis(TwoPasses):
        def forward(self, x):
            return np.tanh(x)[None], None

    finding = finding_of(forward_matches_predict, make_case(KeepsAxis, "BC:4,6"))

    assert finding.what == "The output has shape (4, 6) in predict() and (1, 4, 6) in forward()."
    assert finding.source.function == "KeepsAxis.forward"


def test_forward_matches_predict_fails_for_other_values():
    class ShiftsOneChannel(TwoPasses):
        def forward(self, x):
            z = np.tanh(x)
            z[2, 5] += 0.25
            return z, None

    finding = finding_of(forward_matches_predict, make_case(ShiftsOneChannel, "BC:4,6"))

    assert finding.what == (
        "forward() and predict() return another output for the same input, though the layer is "
        "neither random nor stateful."
    )
    assert finding.where.startswith("1 of 24 elements; worst at B=2, C=5: ")
    assert finding.wrong == 1
    assert finding.worst.analytic - finding.worst.numeric == pytest.approx(0.25)


def test_forward_matches_predict_allows_another_order_of_a_sum():
    class Sums(TwoPasses):
        def predict(self, x):
            return x.sum(axis=1, keepdims=True)

        def forward(self, x):
            return x[:, ::-1].cumsum(axis=1)[:, -1:], None

    for dtype in ("float64", "float32"):
        assert forward_matches_predict(make_case(Sums, "BC:4,4001", dtype=dtype)) is None


@pytest.mark.parametrize("layer", [Dropout, Centred])
def test_forward_matches_predict_leaves_values_alone_where_they_may_differ(layer):
    assert forward_matches_predict(make_case(layer, "BC:4,6")) is None


# output_layout


def test_output_layout_is_skipped_where_none_is_declared():
    reason = reason_of(output_layout, make_case(Dense, "BC:4,6"))

    assert "--declare output=FORMAT" in reason


def test_output_layout_fails_for_another_size():
    class DeclaresTooFew(Flatten):
        def output_layout(self, layout):
            return layout.of("CB", (np.prod(layout.size[:2]), layout.size[-1]))

    finding = finding_of(output_layout, make_case(DeclaresTooFew, "SSCB:5,4,3,2"))

    assert finding.what == (
        "The output is declared as CB:20,2, and its shape is (60, 2): C has size 60, not 20."
    )
    assert finding.where == "output"


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("SCB", "The output is declared as SCB:?,?,?, and its shape is (4, 3)."),
        ("CB", "The output is declared as CB:?,?, and its shape is (4, 3): B has size 3, not 4."),
    ],
)
def test_output_layout_fails_for_another_format(declared, problem):
    case = make_case(Dense, "BC:4,6", declared={"output": declared})

    assert finding_of(output_layout, case).what == problem
    assert output_layout(make_case(Dense, "BC:4,6", declared={"output": "BC"})) is None


def test_output_layout_fails_for_another_count_and_for_what_is_no_layout():
    class TwoLayouts(Flatten):
        def output_layout(self, layout):
            return layout, layout

    class Tuple(Flatten):
        def output_layout(self, layout):
            return [layout.size]

    finding = finding_of(output_layout, make_case(TwoLayouts, "SSCB:5,4,3,2"))
    assert finding.what == "2 output layouts are declared, and there are 1 outputs."
    finding = finding_of(output_layout, make_case(Tuple, "SSCB:5,4,3,2"))
    assert finding.what.endswith("and that is no layout but of type tuple.")


# gradients


def dense_with(**broken):
    """A dense layer whose backward passes the gradient NAME through a function."""

    class Broken(Dense):
        def backward(self, x, z, dz, memory):
            found = dict(zip("xWb", super().backward(x, z, dz, memory), strict=True))
            found |= {name: change(found[name], dz) for name, change in broken.items()}
            return tuple(found.values())

    return Broken


SHAPES = (
    (dense_with(b=lambda db, dz: dz), "learnable b", "missing-broadcast-reduction"),
    (dense_with(W=lambda dW, dz: dW.T), "learnable W", "transposed"),
    (dense_with(b=lambda db, dz: db.sum()), "learnable b", "reduced-too-far"),
    (dense_with(b=lambda db, dz: db[None]), "learnable b", "lost-axes"),
    (dense_with(W=lambda dW, dz: dW.sum(axis=0)), "learnable W", "reduced-too-far"),
    (dense_with(x=lambda dx, dz: dx[:, :5]), "input x", None),
    (dense_with(W=lambda dW, dz: None), "learnable W", None),
)


@pytest.mark.parametrize(("layer", "where", "cause"), SHAPES, ids=lambda v: str(v))
def test_gradients_fail_for_another_shape_with_its_cause(layer, where, cause):
    finding = finding_of(gradients, make_case(layer, "BC:4,6"))

    assert finding.where == where
    assert finding.source.function == "Broken.backward"
    assert (finding.cause and finding.cause.id) == cause


def test_gradients_say_over_which_axis_the_sum_is_missing():
    layer = dense_with(b=lambda db, dz: dz)

    finding = finding_of(gradients, make_case(layer, "BC:4,6"))

    assert finding.what == (
        "backward() returned a gradient of shape (4, 3) for learnable b, which has shape (3,)."
    )
    assert finding.cause.text == (
        "(4, 3) is the shape to which b (3,) was broadcast: the gradient is not summed over axis 0."
    )
    assert finding.fix == "Sum it over that: .sum(axis=0)."


def test_gradients_name_the_axes_of_images_used_for_sequences():
    class SumsAxesOfImages(PRelu):
        def axes(self, x):
            return 0, 1

    finding = finding_of(gradients, make_case(SumsAxesOfImages, "CBT:3,4,5"))

    assert finding.cause.id == "wrong-axis"
    assert finding.fix == "Sum it over the axes (1, 2)."


def test_gradients_say_that_none_is_for_integers():
    finding = finding_of(gradients, make_case(SHAPES[-1][0], "BC:4,6"))

    assert finding.what == "backward() returned no gradient for learnable W."
    assert gradients(make_case(Embedding, "BT:4,5", integers={"x": (0, 9)})) is None


def test_gradients_fail_with_the_line_that_raised():
    class Typo(Dense):
        def backward(self, x, z, dz, memory):
            return y  # noqa: F821

    finding = finding_of(gradients, make_case(Typo, "BC:4,6"))

    assert finding.what == "backward() raised NameError: name 'y' is not defined."
    assert finding.details == ("return y  # noqa: F821",)


def test_gradients_leave_their_count_to_the_contract():
    class ForgetsBias(Dense):
        def backward(self, x, z, dz, memory):
            return super().backward(x, z, dz, memory)[:2]

    class TakesTheUpstreamAlone(Dense):
        def backward(self, x, dz):
            return dz, dz, dz

    for layer in (ForgetsBias, TakesTheUpstreamAlone):
        assert reason_of(gradients, make_case(layer, "BC:4,6")) == "needs contract.signatures"


def test_gradients_are_skipped_without_backward():
    class Forward:
        def predict(self, x):
            return x

    assert reason_of(gradients, make_case(Forward, "BC:4,6")) == "the layer has no backward"


@pytest.mark.parametrize(
    ("value", "gradient", "axes"),
    [
        ((3,), (4, 3), (0,)),
        ((1, 3), (4, 3), (0,)),
        ((), (4, 3), (0, 1)),
        ((3,), (3, 4), ()),
        ((4, 3), (3,), ()),
        ((1, 1, 20, 1), (5, 5, 20, 8), (0, 1, 3)),
        ((1,), (1,), ()),
    ],
)
def test_broadcast_axes_are_those_along_which_an_array_is_repeated(value, gradient, axes):
    assert broadcast_axes(value, gradient) == axes


# unknown_sizes


def test_unknown_sizes_are_skipped_where_all_are_known():
    assert "--layout BC:?,6" in reason_of(unknown_sizes, make_case(Dense, "BC:4,6"))


def test_unknown_sizes_fail_for_a_table_of_one_length():
    class Positions(Dense):
        def __init__(self):
            self.W, self.b = np.ones((5, 1)), np.zeros(1)

        def predict(self, x):
            return x + self.W + self.b

        def backward(self, x, z, dz, memory):
            return dz, dz.sum(axis=(0, 2))[:, None], dz.sum(keepdims=True)[0, 0]

    finding = finding_of(unknown_sizes, make_case(Positions, "BTC:3,?,4"))

    assert finding.what.startswith("predict() raised ValueError: operands could not be broadcast")
    assert finding.where == "at x BTC:3,6,4"
    assert finding.details == ("return x + self.W + self.b",)


def test_unknown_sizes_fail_where_only_backward_cannot_run():
    class FiveOnly(PRelu):
        def backward(self, x, z, dz, memory):
            return super().backward(x.reshape(2, 5, 3), z, dz, memory)

    finding = finding_of(unknown_sizes, make_case(FiveOnly, "BTC:2,?,3"))

    assert finding.what.startswith("backward() raised ValueError")
    assert finding.where == "at x BTC:2,6,3"
    assert finding.source.function == "FiveOnly.backward"


def test_unknown_sizes_fail_where_a_gradient_has_another_shape_elsewhere():
    class SumsFiveSteps(PRelu):
        def backward(self, x, z, dz, memory):
            dx, dalpha = super().backward(x, z, dz, memory)
            return dx[:, :5], dalpha

    finding = finding_of(unknown_sizes, make_case(SumsFiveSteps, "BTC:2,?,3"))

    assert finding.where == "input x"


def test_unknown_sizes_initialise_the_learnables_for_them():
    assert unknown_sizes(make_case(PRelu, "SSCB:?,?,?,?")) is None


def test_unknown_sizes_are_skipped_where_data_are_given():
    case = make_case(PRelu, "BC:?,3", data={"x": np.ones((4, 3))})

    assert "--data" in reason_of(unknown_sizes, case)


class Lookup:
    def __init__(self):
        self.W = np.linspace(-1, 1, 30).reshape(10, 3)

    def forward(self, tokens):
        self.tokens = tokens
        return self.W[tokens]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.tokens, dout)


def test_indices_that_are_floating_are_asked_for():
    finding = finding_of(predict, make_case(Lookup, "BT:4,5"))

    assert finding.fix == "If tokens holds indices, say in which range: --integers 0:10."
