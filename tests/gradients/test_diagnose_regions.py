from __future__ import annotations

import numpy as np
import pytest

from tests.gradients.diagnosing import cause_of, elementwise, ids_of, linear, matrix, with_gradient


def slope(x, z):
    return np.cosh(x)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (lambda x: x > 0, "where x > 0"),
        (lambda x: x < -1, "where x <= -1"),
        (lambda x: np.abs(x) > 1, "where |x| > 1"),
    ],
)
def test_a_slope_that_is_wrong_beyond_a_threshold_names_it(where, words):
    layer = elementwise(np.sinh, lambda x, z: np.where(where(x), 2.0, 1.0) * slope(x, z))
    cause = cause_of(layer, "CB:6,7")

    assert cause.id == "wrong-region"
    assert words in cause.text
    assert "analytic / numeric = 2 there" in cause.text


def test_a_slope_that_is_wrong_at_random_places_names_no_threshold():
    places = np.random.default_rng(5).integers(0, 2, (6, 7)).astype(bool)
    layer = elementwise(np.sinh, lambda x, z: np.where(places, 1.5 + x, 1) * slope(x, z))

    assert "wrong-region" not in ids_of(layer, "CB:6,7")


def test_a_branch_the_wrong_way_round_is_inverted():
    layer = elementwise(lambda x: np.maximum(x, 0), lambda x, z: np.where(x > 0, 0.0, 1.0))
    cause = cause_of(layer, "CB:6,7")

    assert cause.id == "wrong-region"
    assert "branch is inverted" in cause.text


def test_a_guard_that_returns_zero_is_told_by_few_elements():
    layer = elementwise(np.sinh, lambda x, z: np.where(x > 1.8, 0.0, slope(x, z)))
    cause = cause_of(layer, "CB:6,7")

    assert cause.id == "wrong-region"
    assert "x > " in cause.text
    assert "it gives zero there" in cause.text


def test_few_wrong_elements_that_are_not_zero_make_no_threshold():
    def odd(x, z):
        wrong = np.zeros(x.shape, bool)
        wrong[1, 2] = wrong[3, 5] = True
        return np.where(wrong, 1.25 + x**2, 1) * slope(x, z)

    for cause in (cause_of(elementwise(np.sinh, odd), "CB:6,7", seed=seed) for seed in range(3)):
        assert cause is None or " x " not in cause.text


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (np.s_[:, 0], "B=0 (the first)"),
        (np.s_[:, -1], "B=6 (the last)"),
        (np.s_[2:4, :], "C=2,3"),
        (np.s_[3:6, :], "C=3..5, the second of 2 equal parts"),
        (np.s_[[0, -1], :], "C=0 and 5 (the border)"),
    ],
)
def test_a_slope_that_is_wrong_at_some_indices_names_them(index, words):
    def claimed(x, z):
        factor = np.ones_like(x)
        factor[index] = 3
        return factor * slope(x, z)

    cause = cause_of(elementwise(np.sinh, claimed), "CB:6,7")

    assert cause.id == "wrong-region"
    assert words in cause.text
    assert "analytic / numeric = 3 there" in cause.text


def test_wrong_outputs_of_several_name_the_right_ones():
    class Two:
        output_names = ("a", "b")

        def predict(self, x):
            return np.sinh(x), (matrix(6, 6) @ x) ** 2

        def backward(self, x, a, b, da, db, memory):
            inner = np.cos(np.arange(36.0)).reshape(6, 6)
            return da * np.cosh(x) + inner @ db * x

    cause = cause_of(Two, "CB:6,7")

    assert cause.id == "missing-term"
    assert "right of output 1" in cause.text


def test_a_step_that_is_right_alone_is_said_to_be():
    rates = np.array([0.5, -0.75, 0.6])[:, None]

    class Chain:
        """h_t = tanh(x_t + r h_{t-1}), whose backward takes r^2 for r between steps."""

        def predict(self, x):
            z, h = np.zeros_like(x), np.zeros_like(x[:, 0])
            for t in range(x.shape[1]):
                z[:, t] = h = np.tanh(x[:, t] + rates * h)
            return z

        def backward(self, x, z, dz, memory):
            dx, dh = np.zeros_like(x), np.zeros_like(x[:, 0])
            for t in reversed(range(x.shape[1])):
                dx[:, t] = (dz[:, t] + dh) * (1 - z[:, t] ** 2)
                dh = rates**2 * dx[:, t]
            return dx

    cause = cause_of(Chain, "CTB:3,5,4")

    assert cause.id == "wrong-region"
    assert "paths from an output's T back to an earlier T" in cause.text


def test_zero_for_one_of_two_outputs_is_a_missing_path():
    class Two:
        output_names = ("a", "b")

        def predict(self, x):
            return np.sinh(x), matrix(6, 6) @ x

        def backward(self, x, a, b, da, db, memory):
            return da * np.cosh(x)

    cause = cause_of(Two, "CB:6,7")

    assert cause.id == "missing-term"
    assert "does not depend on the upstream gradient of output 2" in cause.text


def test_two_outputs_that_are_both_right_have_no_cause():
    class Two:
        output_names = ("a", "b")

        def predict(self, x):
            return np.sinh(x), matrix(6, 6) @ x

        def backward(self, x, a, b, da, db, memory):
            return da * np.cosh(x) + matrix(6, 6).T @ db

    assert cause_of(Two, "CB:6,7") is None


def test_an_index_region_of_the_jacobian_is_no_region_if_an_entry_outside_is_wrong():
    claimed = matrix(4, 6).copy()
    claimed[0] += np.linspace(1, 2, 6)
    claimed[2, 3] += 0.5
    claimed[3, 1] += 0.25

    assert "wrong-region" not in ids_of(linear(matrix(4, 6), claimed), "CB:6,7")


def test_values_beyond_a_border_are_a_wrong_region():
    """z_i = x_{i+1} for i < n: backward wraps round the end."""
    cause = cause_of(
        with_gradient(
            lambda x: np.concatenate([x[1:], 0 * x[:1]]), lambda x, dz: np.roll(dz, 1, axis=0)
        ),
        "SB:6,7",
    )

    assert cause.id == "wrong-region"
