from __future__ import annotations

import numpy as np
import pytest

from tests.gradients.diagnosing import cause_of, elementwise, ids_of, linear, matrix, with_gradient

S = slice(None)


class Scale:
    """z = g x with one g a channel of CB; `contributions` adds up dz x in some way."""

    learnables = ("g",)

    def __init__(self):
        self.g = None

    def initialize(self, layout):
        if self.g is None:
            self.g = layout.along("C", np.linspace(0.5, 1.5, layout.size[layout.find("C")]))

    def predict(self, x):
        return self.g * x

    def contributions(self, terms):
        return terms.sum(axis=1, keepdims=True)

    def backward(self, x, z, dz, memory):
        return dz * self.g, self.contributions(dz * x)


def adding(how):
    return type("Adding", (Scale,), {"contributions": lambda self, terms: how(terms)})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda t: t[:, :1], "B=0 (the first)"),
        (lambda t: t[:, -1:], "B=6 (the last)"),
        (lambda t: t[:, :3].sum(axis=1, keepdims=True), "B=0..2"),
    ],
)
def test_a_sum_over_some_observations_is_a_missing_sum(how, words):
    cause = cause_of(adding(how), "CB:5,7", of="learnable:g")

    assert cause.id == "missing-sum"
    assert words in cause.text


def test_a_sum_of_wrong_contributions_is_no_missing_sum():
    found = ids_of(adding(lambda t: 2 * t[:, :1] + t[:, 1:2]), "CB:5,7", of="learnable:g")

    assert "missing-sum" not in found


def test_an_index_that_overwrites_is_a_missing_sum():
    """z = x[k] for indices k that repeat: dx[k] = dz keeps the last of several."""
    indices = np.array([0, 1, 1, 2, 0, 4, 3])

    def last(x, dz):
        dx = np.zeros_like(x)
        dx[indices] = dz
        return dx

    cause = cause_of(with_gradient(lambda x: x[indices], last), "SB:5,3")

    assert cause.id == "missing-sum"
    assert "= for +=" in cause.text


def test_an_index_that_adds_up_has_no_cause():
    indices = np.array([0, 1, 1, 2, 0, 4, 3])

    def added(x, dz):
        dx = np.zeros_like(x)
        np.add.at(dx, indices, dz)
        return dx

    assert cause_of(with_gradient(lambda x: x[indices], added), "SB:5,3") is None


@pytest.mark.parametrize(
    ("how", "id", "words"),
    [
        (lambda t: np.full((len(t), 1), t.sum()), "wrong-axis", "the sum of the true gradient"),
        (lambda t: np.full((len(t), 1), t.sum() / 5), "wrong-axis", "the mean of the true"),
    ],
)
def test_a_sum_over_an_axis_that_must_be_kept_is_a_wrong_axis(how, id, words):
    cause = cause_of(adding(how), "CB:5,7", of="learnable:g")

    assert cause.id == id
    assert words in cause.text


def test_an_upstream_that_is_averaged_over_the_batch_is_a_batch_leak():
    layer = with_gradient(
        lambda x: matrix(5, 5) @ x,
        lambda x, dz: np.broadcast_to(matrix(5, 5).T @ dz.mean(axis=1, keepdims=True), x.shape),
    )

    assert cause_of(layer, "CB:5,7").id == "batch-leak"


def test_an_observation_that_reaches_its_neighbour_is_a_batch_leak():
    layer = with_gradient(
        lambda x: matrix(5, 5) @ x,
        lambda x, dz: matrix(5, 5).T @ (dz + 0.3 * np.roll(dz, 1, axis=1)),
    )

    assert cause_of(layer, "CB:5,7").id == "batch-leak"


def test_a_layer_that_mixes_observations_leaks_nothing():
    def centred(x):
        return x - x.mean(axis=1, keepdims=True)

    found = ids_of(with_gradient(centred, lambda x, dz: 1.5 * centred(dz)), "CB:5,7")

    assert found == ["constant-factor"]


def test_what_belongs_to_the_first_observation_used_for_all_is_a_batch_leak():
    layer = with_gradient(np.sinh, lambda x, dz: dz * np.cosh(x[:, :1]))
    cause = cause_of(layer, "CB:5,7")

    assert cause.id == "batch-leak"
    assert "B=0" in cause.text


def test_a_mean_that_backward_forgets_is_a_missing_term():
    layer = with_gradient(lambda x: x - x.mean(axis=0), lambda x, dz: dz.copy())
    cause = cause_of(layer, "CB:5,7")

    assert cause.id == "missing-term"


def test_a_diagonal_jacobian_misses_no_cross_terms():
    assert "missing-term" not in ids_of(linear(np.diag([1.0, 2, 3, 4]), np.eye(4)), "CB:4,7")


def test_a_mean_without_its_path_breaks_an_invariance():
    """z = W (x - mean x): shifting x along C does not change z."""
    weights = matrix(4, 6)
    centre = np.eye(6) - 1 / 6
    cause = cause_of(linear(weights @ centre, weights), "CB:6,7")

    assert cause.id == "missing-term"
    assert "adding a constant to x along C does not change the output" in cause.text


def test_an_invariance_that_backward_keeps_is_not_broken():
    weights, centre = matrix(4, 6), np.eye(6) - 1 / 6
    found = ids_of(linear(weights @ centre, (weights + matrix(4, 6, 1)) @ centre), "CB:6,7")

    assert "missing-term" not in found


def test_a_term_of_rank_one_that_is_missing_is_said_to_pass_through_few_numbers():
    true = matrix(6, 6) + np.outer(np.linspace(1, 2, 6), np.linspace(-1, 1.6, 6))
    cause = cause_of(linear(true, matrix(6, 6)), "CB:6,7")

    assert cause.id == "missing-term"
    assert "rank 1, where the Jacobian has rank 6" in cause.text


def test_a_difference_of_full_rank_is_no_term_of_low_rank():
    assert ids_of(linear(matrix(6, 6), matrix(6, 6, 1)), "CB:6,7") == []


def test_one_wrong_row_is_no_term_of_low_rank():
    claimed = matrix(6, 6).copy()
    claimed[2] += np.linspace(1, 2, 6)

    assert ids_of(linear(matrix(6, 6), claimed), "CB:6,7")[0] == "wrong-region"


def test_a_shortcut_that_backward_forgets_is_a_missing_term():
    """z = x + W x."""
    cause = cause_of(linear(np.eye(5) + matrix(5, 5), matrix(5, 5)), "CB:5,7")

    assert cause.id == "missing-term"
    assert "1 times the upstream gradient itself" in cause.text


def test_a_body_that_backward_forgets_is_a_missing_term():
    """z = x + 0.2 W x, of which only x is derived."""
    cause = cause_of(linear(np.eye(5) + 0.2 * matrix(5, 5), np.eye(5)), "CB:5,7")

    assert cause.id == "missing-term"
    assert "hands on the upstream gradient unchanged" in cause.text


def test_a_constant_slope_that_is_missing_is_named():
    layer = elementwise(lambda x: x + np.sinh(x), lambda x, z: np.cosh(x))
    cause = cause_of(layer, "CB:6,7")

    assert cause.id == "missing-term"
    assert "numeric - analytic = 1 at every element" in cause.text


def test_a_term_made_of_known_arrays_is_named():
    """z = x y + y^2: the second term is not derived."""

    class Mixed:
        def predict(self, x, y):
            return x * y + y**2 * x**2

        def backward(self, x, y, z, dz, memory):
            return dz * y + 2 * dz * y**2 * x, dz * x

    cause = cause_of(Mixed, "x=CB:5,7", "y=CB:5,7", of="input:y")

    assert cause.id == "missing-term"
    assert "numeric - analytic = 2 x^2 y" in cause.text


def test_contributions_that_cancel_are_missing_terms():
    layer = with_gradient(lambda x: x - x + 1.0, lambda x, dz: dz * x)
    cause = cause_of(layer, "CB:5,7")

    assert cause.id == "missing-term"
    assert "does not change with x at all" in cause.text


def test_some_of_many_connections_are_missing_terms():
    claimed = matrix(5, 6).copy()
    claimed[[0, 1, 2, 3, 3, 4], [1, 3, 0, 2, 5, 4]] = 0
    cause = cause_of(linear(matrix(5, 6), claimed), "CB:6,7")

    assert cause.id == "missing-term"
    assert "no contribution in backward()" in cause.text


def test_connections_that_are_missing_among_wrong_ones_name_no_term():
    claimed = matrix(5, 6, 1).copy()
    claimed[3, 2] = 0

    assert "missing-term" not in ids_of(linear(matrix(5, 6), claimed), "CB:6,7")
