"""Regimes: kinks, ties and extremes at the smallest layout, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.suites.gradient_regimes import regimes
from layercheck.suites.gradients import input_gradient, learnable_gradient
from tests.cases import finding_of, make_case, reason_of


class Elementwise:
    """z and dz/dx are functions of x."""

    def predict(self, x):
        return self.function(x)

    def backward(self, x, z, dz, memory):
        return dz * self.slope(x)


class ReLU(Elementwise):
    at_zero = 0.0

    def function(self, x):
        return np.maximum(x, 0)

    def slope(self, x):
        return np.where(x == 0, self.at_zero, x > 0)


class HalfAtZero(ReLU):
    at_zero = 0.5


class WrongAtZero(ReLU):
    at_zero = 1.5


class ReLU6(Elementwise):
    def function(self, x):
        return np.clip(x, 0, 6)

    def slope(self, x):
        return ((x > 0) & (x <= 6)).astype(float)


class WrongAtSix(ReLU6):
    def slope(self, x):
        return np.where(x == 6, -1.0, super().slope(x))


class WrongNearZero(Elementwise):
    """Right but for |x| below 0.01."""

    def function(self, x):
        return np.tanh(x)

    def slope(self, x):
        return np.where(np.abs(x) < 1e-2, 1.001, 1 - np.tanh(x) ** 2)


class WrongAtFour(WrongNearZero):
    def slope(self, x):
        return 1 - np.tanh(x) ** 2 + (np.abs(x) == 4)


class Maximum:
    """The largest along C; the first of several gets the gradient."""

    def predict(self, x):
        return x.max(axis=0, keepdims=True)

    def share(self, x, z):
        first = np.zeros_like(x)
        np.put_along_axis(first, x.argmax(axis=0)[None], 1.0, axis=0)
        return first

    def backward(self, x, z, dz, memory):
        return self.share(x, z) * dz


class MaximumShared(Maximum):
    def share(self, x, z):
        tied = x == z
        return tied / tied.sum(axis=0)


class MaximumCountedTwice(Maximum):
    def share(self, x, z):
        return (x == z).astype(float)


class Sort:
    """The middle one of three equal numbers is not smooth, though no line shows it."""

    def predict(self, x):
        return np.sort(x, axis=0)

    def backward(self, x, z, dz, memory):
        dx = np.empty_like(x)
        np.put_along_axis(dx, np.argsort(x, axis=0, kind="stable"), dz, axis=0)
        return dx


class Residual:
    """Kinks of both signs at one point."""

    learnables = ("W",)

    def initialize(self, layout):
        if not hasattr(self, "W"):
            n = layout.size[0]
            self.W = np.cos(np.arange(n * n)).reshape(n, n)

    def predict(self, x):
        return x + self.W @ np.maximum(x, 0)

    def backward(self, x, z, dz, memory):
        return dz + (self.W.T @ dz) * (x > 0), dz @ np.maximum(x, 0).T


class Length:
    """The derivative of a norm at zero does not exist, and backward divides by zero there."""

    def predict(self, x):
        return np.sqrt((x**2).sum(axis=0, keepdims=True))

    def backward(self, x, z, dz, memory):
        with np.errstate(invalid="ignore"):
            return dz * x / z


class Fixed(ReLU):
    """Runs at 5 channels and 20 observations only."""

    def function(self, x):
        if x.shape != (5, 20):
            raise ValueError(f"not {x.shape}")
        return super().function(x)


@pytest.mark.parametrize("layer", [ReLU, HalfAtZero, ReLU6, Maximum, MaximumShared, Fixed])
def test_a_convention_at_kinks_is_accepted_and_told(layer):
    for seed in range(5):
        passed = input_gradient(make_case(layer, "CB:5,20", seed=seed), "x")

        assert passed.verified.at_kinks > 0
        assert any(note.startswith("at kinks backward() takes") for note in passed.notes)


def test_the_side_that_is_taken_is_told():
    lower, between = (
        input_gradient(make_case(layer, "CB:5,20"), "x").notes[0] for layer in (ReLU, HalfAtZero)
    )

    assert "the slope of the lower side" in lower
    assert "one in between" in between


@pytest.mark.parametrize("layer", [WrongAtZero, WrongAtSix, MaximumCountedTwice])
def test_a_slope_outside_both_sides_is_wrong_however_rare_the_kink(layer):
    for seed in range(4):
        finding = finding_of(input_gradient, make_case(layer, "CB:7,40", seed=seed), "x")

        assert finding.cause.id == "one-sided-at-kink"
        assert finding.details[0] in (
            "at values on a coarse grid, where kinks and ties are: x CB:7,40",
            "at zeros, ties, tiny values and large ones: x CB:7,40",
        )


@pytest.mark.parametrize("layer", [WrongNearZero, WrongAtFour])
def test_a_slope_wrong_only_on_a_small_set_is_wrong(layer):
    for seed in range(3):
        finding = finding_of(input_gradient, make_case(layer, "CB:7,60", seed=seed), "x")

        assert finding.worst.index


@pytest.mark.parametrize("layer", [Sort, Residual])
def test_kinks_without_two_sides_are_no_mistakes(layer):
    for seed in range(6):
        input_gradient(make_case(layer, "CB:5,12", seed=seed), "x")


def test_a_layer_without_a_derivative_at_a_point_is_looked_at_elsewhere():
    passed = input_gradient(make_case(Length, "CB:2,40"), "x")

    assert passed.verified.elements == 80


def test_regimes_are_run_at_the_smallest_layout_that_the_layer_accepts():
    small = regimes(make_case(ReLU, "SSCB:24,24,20,128"))
    fixed = regimes(make_case(Fixed, "CB:5,20"))

    assert {str(each.trial.point.layouts[0]) for each in small} == {"SSCB:6,7,5,3"}
    assert {str(each.trial.point.layouts[0]) for each in fixed} == {"CB:5,20"}


def test_thorough_runs_them_at_the_layout_too():
    found = regimes(make_case(ReLU, "SSCB:9,9,20,12", thorough=True))

    assert [str(each.trial.point.layouts[0]) for each in found] == [
        *("SSCB:6,7,5,3",) * 2,
        *("SSCB:9,9,20,12",) * 2,
    ]


def test_no_value_leaves_the_range():
    seen = []

    class Logarithm(Elementwise):
        def function(self, x):
            seen.append((x.min(), x.max()))
            return np.log(x)

        def slope(self, x):
            return 1 / x

    input_gradient(make_case(Logarithm, "CB:5,7", ranges={"": (0.25, 4.0)}), "x")

    assert min(low for low, _ in seen) >= 0.25
    assert max(high for _, high in seen) <= 4.0


def test_values_that_the_user_gave_are_left_alone():
    data = np.linspace(-1, 1, 35).reshape(5, 7)
    case = make_case(ReLU, "CB:5,7", data={"x": data})

    assert regimes(case) == ()
    assert input_gradient(case, "x").verified.elements == 35


def test_integers_stay_integers():
    class Lookup:
        learnables = ("table",)

        def initialize(self, layout):
            if not hasattr(self, "table"):
                self.table = np.cos(np.arange(20.0)).reshape(5, 4)

        def predict(self, i):
            return self.table[i]

        def backward(self, i, z, dz, memory):
            dtable = np.zeros_like(self.table)
            np.add.at(dtable, i, dz)
            return None, dtable

    case = make_case(Lookup, "TB:6,4", integers={"": (0, 5)})

    assert regimes(case) == ()
    assert learnable_gradient(case, "table").verified.elements == 20


def test_a_layer_that_is_finite_at_one_draw_of_five_is_judged_there():
    class Fragile(Elementwise):
        """Not a number where the first element is above -1: three draws of four."""

        def function(self, x):
            return np.where(x[0, 0] > 0, np.nan, 1.0) * x

        def slope(self, x):
            return 1.0

    class Never(Fragile):
        def function(self, x):
            return x * np.nan

    for seed in range(8):
        case = make_case(Fragile, "CB:5,7", seed=seed)

        assert input_gradient(case, "x").verified.elements == 35
    assert reason_of(input_gradient, make_case(Never, "CB:5,7"), "x") == (
        "the outputs are not finite, whatever the values drawn (see numerics.finite)"
    )


def test_a_learnable_of_no_elements_passes():
    class Extra(ReLU):
        learnables = ("none",)

        def initialize(self, layout):
            self.none = np.zeros((0, 4))

        def backward(self, x, z, dz, memory):
            return super().backward(x, z, dz, memory), np.zeros((0, 4))

    passed = learnable_gradient(make_case(Extra, "CB:5,7"), "none")

    assert passed.verified.of == 0
    assert "the tensor is empty" in passed.notes
