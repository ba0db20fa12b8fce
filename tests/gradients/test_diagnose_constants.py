from __future__ import annotations

import numpy as np
import pytest

from tests.gradients.diagnosing import cause_of, elementwise, linear, matrix, with_gradient


class Scale:
    """z = g x with one g a channel; what backward makes of dg is open."""

    learnables = ("g",)
    momentum = 0.7

    def __init__(self):
        self.g = None

    def initialize(self, layout):
        if self.g is None:
            self.g = layout.along("C", np.linspace(0.5, 1.5, layout.size[layout.find("C")]))
        self.others = tuple(i for i in range(layout.rank) if i != layout.find("C"))

    def predict(self, x):
        return self.g * x

    def reduced(self, terms):
        return terms.sum(axis=self.others, keepdims=True)

    def backward(self, x, z, dz, memory):
        return dz * self.g, self.reduced(dz * x)


def reducing(how):
    return type("Reducing", (Scale,), {"reduced": how})


def test_zero_everywhere_is_a_zero_gradient():
    assert cause_of(linear(matrix(4, 5), np.zeros((4, 5))), "CB:5,7").id == "zero-gradient"


def test_zero_in_one_row_is_no_zero_gradient():
    claimed = matrix(4, 5).copy()
    claimed[2] = 0

    assert cause_of(linear(matrix(4, 5), claimed), "CB:5,7").id != "zero-gradient"


def test_a_gradient_that_is_rightly_zero_has_no_cause():
    assert cause_of(with_gradient(np.ones_like, lambda x, dz: 0 * dz), "CB:5,7") is None


def test_minus_the_jacobian_is_a_flipped_sign():
    cause = cause_of(linear(matrix(4, 5), -matrix(4, 5)), "CB:5,7")

    assert cause.id == "sign-flipped"
    assert "analytic / numeric = -1 at every element" in cause.text


def test_minus_in_one_row_is_no_flipped_sign():
    claimed = matrix(4, 5).copy()
    claimed[2] *= -1

    assert cause_of(linear(matrix(4, 5), claimed), "CB:5,7").id != "sign-flipped"


def test_a_factor_that_follows_the_batch_size_is_a_mean_over_it():
    cause = cause_of(
        reducing(lambda self, t: t.sum(axis=self.others, keepdims=True) / t.shape[-1]),
        "SCB:4,3,7",
        of="learnable:g",
    )

    assert cause.id == "mean-instead-of-sum"
    assert cause.evidence["labels"] == "B"
    assert cause.evidence["ratio"] == pytest.approx(1 / 7)


def test_a_mean_over_all_other_axes_names_them():
    cause = cause_of(
        reducing(lambda self, t: t.mean(axis=self.others, keepdims=True)),
        "SCB:4,3,7",
        of="learnable:g",
    )

    assert (cause.id, cause.evidence["labels"]) == ("mean-instead-of-sum", "S*B")


def test_a_mean_over_one_of_two_equal_axes_names_the_right_one():
    cause = cause_of(
        reducing(lambda self, t: t.sum(axis=(0, 1, 3), keepdims=True) / t.shape[1]),
        "SSCB:4,6,3,4",
        of="learnable:g",
    )

    assert (cause.id, cause.evidence["labels"]) == ("mean-instead-of-sum", "S2")


def test_a_constant_that_equals_one_over_the_batch_size_is_no_mean():
    cause = cause_of(
        reducing(lambda self, t: t.sum(axis=self.others, keepdims=True) / 7),
        "SCB:4,3,7",
        of="learnable:g",
    )

    assert cause.id == "constant-factor"
    assert "at any batch size" in cause.text


def test_a_constant_is_named_after_the_number_that_the_layer_keeps():
    cause = cause_of(
        reducing(lambda self, t: self.momentum * t.sum(axis=self.others, keepdims=True)),
        "SCB:4,3,7",
        of="learnable:g",
    )

    assert cause.id == "constant-factor"
    assert "that is momentum of the layer" in cause.text


def test_a_constant_that_follows_the_root_of_a_size_is_named_so():
    cause = cause_of(
        with_gradient(lambda x: x + 0, lambda x, dz: dz / np.sqrt(x.shape[0])), "SB:5,7"
    )

    assert cause.id == "constant-factor"
    assert "1/sqrt(S)" in cause.text


def test_two_factors_are_no_constant():
    claimed = 2 * matrix(4, 5)
    claimed[2] *= 1.5

    assert cause_of(linear(matrix(4, 5), claimed), "CB:5,7").id != "constant-factor"


def test_a_factor_that_is_a_constant_up_to_one_percent_is_no_constant():
    near = elementwise(np.sinh, lambda x, z: np.cosh(x) * (2 + 0.01 * np.sin(x)))

    assert cause_of(near, "CB:5,7").id == "elementwise-derivative"


def sum_of_neighbours(x):
    return x[:-1] + x[1:]


def test_a_mean_of_what_adds_up_is_told_by_how_many_contribute():
    def averaged(x, dz):
        total, count = np.zeros_like(x), np.zeros((len(x), 1))
        for cut in (slice(None, -1), slice(1, None)):
            total[cut] += dz
            count[cut] += 1
        return total / count

    cause = cause_of(with_gradient(sum_of_neighbours, averaged), "SB:6,7")

    assert cause.id == "mean-instead-of-sum"
    assert cause.evidence == {"lowest": 1, "highest": 2}


def test_a_correct_layer_has_no_cause():
    assert cause_of(Scale, "SCB:4,3,7", of="learnable:g") is None
    assert cause_of(linear(matrix(4, 5), matrix(4, 5)), "CB:5,7") is None


class Rotated:
    """z = w x with a complex w; backward conjugates what it likes."""

    def __init__(self):
        self.w = np.exp(0.7j) * 1.3

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        return np.conj(self.w) * dz


def rotated(dx):
    return type("Wrong", (Rotated,), {"backward": lambda self, x, z, dz, memory: dx(self, dz)})


GIVEN = (np.linspace(-1, 1, 12) + 1j * np.linspace(2, -1, 12) ** 2).reshape(3, 4)


@pytest.mark.parametrize(
    "dx",
    [
        lambda self, dz: self.w * dz,
        lambda self, dz: self.w * np.conj(dz),
        lambda self, dz: np.conj(self.w) * np.conj(dz),
    ],
)
def test_a_conjugate_too_many_or_too_few_is_named(dx):
    assert cause_of(rotated(dx), "CB:3,4", data={"x": GIVEN}).id == "conjugate"


def test_a_factor_of_i_is_no_conjugate():
    cause = cause_of(
        rotated(lambda self, dz: 1j * np.conj(self.w) * dz), "CB:3,4", data={"x": GIVEN}
    )

    assert cause.id != "conjugate"


def test_a_right_complex_gradient_has_no_cause():
    assert cause_of(Rotated, "CB:3,4", data={"x": GIVEN}) is None
