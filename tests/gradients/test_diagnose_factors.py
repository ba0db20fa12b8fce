from __future__ import annotations

import numpy as np
import pytest

from tests.gradients.diagnosing import cause_of, elementwise, ids_of, linear, matrix, with_gradient


def logistic(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("function", "claimed", "words"),
    [
        (np.tanh, lambda x, z: 1 - np.tanh(z) ** 2, "(1 - tanh(z)^2) / (1 - tanh(x)^2)"),
        (np.tanh, lambda x, z: 1 + z, "analytic / numeric = 1 / (1 - z)"),
        (logistic, lambda x, z: z, "analytic / numeric = 1 / (1 - "),
        (np.exp, lambda x, z: x * z, "analytic / numeric = x"),
        (lambda x: x**3, lambda x, z: 3 * x, "analytic / numeric = 1 / x"),
    ],
)
def test_a_wrong_slope_is_told_by_its_ratio_to_the_right_one(function, claimed, words):
    cause = cause_of(elementwise(function, claimed), "CB:5,7")

    assert cause.id in ("elementwise-derivative", "missing-factor")
    assert words in cause.text


def test_a_right_slope_written_in_another_way_has_no_cause():
    layer = elementwise(logistic, lambda x, z: np.exp(-x) / (1 + np.exp(-x)) ** 2)

    assert cause_of(layer, "CB:5,7") is None


def test_a_ratio_that_is_nearly_a_known_array_is_not_named():
    layer = elementwise(np.exp, lambda x, z: x * z * (1 + 1e-4 * np.cos(x)))
    cause = cause_of(layer, "CB:5,7")

    assert cause.id == "elementwise-derivative"
    assert "runs from" in cause.text


class Product:
    """z = x y."""

    def predict(self, x, y):
        return x * y

    def backward(self, x, y, z, dz, memory):
        return self.dx(x, y, dz), dz * x

    def dx(self, x, y, dz):
        return dz * y


def product(dx):
    return type("WrongProduct", (Product,), {"dx": lambda self, x, y, dz: dx(x, y, dz)})


@pytest.mark.parametrize(
    ("dx", "words"),
    [
        (lambda x, y, dz: dz * x**2, "analytic / numeric = x^2 / y"),
        (lambda x, y, dz: dz * y**2, "backward() has the factor y too many"),
        (lambda x, y, dz: dz * x * y, "backward() has the factor x too many"),
    ],
)
def test_a_factor_too_many_is_an_array_of_the_layer(dx, words):
    cause = cause_of(product(dx), "x=CB:5,7", "y=CB:5,7")

    assert cause.id in ("missing-factor", "elementwise-derivative")
    assert words in cause.text


def test_a_factor_of_two_is_no_array():
    found = ids_of(product(lambda x, y, dz: 2 * dz * y), "x=CB:5,7", "y=CB:5,7")

    assert found == ["constant-factor"]


def test_a_forgotten_product_is_a_lacking_factor():
    cause = cause_of(product(lambda x, y, dz: dz.copy()), "x=CB:5,7", "y=CB:5,7")

    assert cause.id == "missing-factor"


def test_handing_the_upstream_on_is_said_where_the_layer_is_no_identity():
    cause = cause_of(linear(matrix(5, 5), np.eye(5)), "CB:5,7")

    assert cause.id == "missing-factor"
    assert "hands on the upstream gradient unchanged" in cause.text


def test_handing_the_upstream_on_is_right_for_the_identity():
    assert cause_of(linear(np.eye(5), np.eye(5)), "CB:5,7") is None


def test_a_forgotten_mask_is_named():
    def pooled(x):
        return x.reshape(3, 2, -1).max(axis=1)

    cause = cause_of(with_gradient(pooled, lambda x, dz: np.repeat(dz, 2, axis=0)), "SB:6,7")

    assert cause.id == "missing-factor"
    assert "mask" in cause.text


def test_a_mask_that_is_there_is_not_missing():
    def pooled(x):
        return x.reshape(3, 2, -1).max(axis=1)

    def picked(x, dz):
        return np.repeat(dz, 2, axis=0) * (x == np.repeat(pooled(x), 2, axis=0))

    assert cause_of(with_gradient(pooled, picked), "SB:6,7") is None


class Gated:
    """z = s(x) (W x): a factor a row, and a matrix."""

    learnables = ("W",)

    def __init__(self):
        self.W = matrix(4, 5)

    def predict(self, x):
        return np.cos(x.sum(axis=0)) * (self.W @ x)

    def gate(self, x):
        return np.cos(x.sum(axis=0))

    def backward(self, x, z, dz, memory):
        inner = self.W.T @ (dz * np.cos(x.sum(axis=0)))
        through = -np.sin(x.sum(axis=0)) * (dz * (self.W @ x)).sum(axis=0)
        return inner + through, (dz * self.gate(x)) @ x.T


class GateSine(Gated):
    def gate(self, x):
        return 1.5 + np.sin(x.sum(axis=0))


def test_one_wrong_factor_of_a_product_is_told_by_the_axes_it_depends_on():
    cause = cause_of(GateSine, "CB:5,7", of="learnable:W")

    assert cause.id == "missing-factor"
    assert "depends on the output's B alone" in cause.text
    assert "backward() is right for x" in cause.text


def test_a_ratio_of_two_matrices_is_no_factor():
    assert "missing-factor" not in ids_of(linear(matrix(5, 6), matrix(5, 6, 1)), "CB:6,7")


def test_a_vector_on_the_wrong_side_is_named():
    """z = g W x, but backward scales dx by g, not dz."""

    class Scaled:
        learnables = ("g",)

        def __init__(self):
            self.g = np.linspace(0.5, 2, 5)[:, None]

        def predict(self, x):
            return self.g * (matrix(5, 5) @ x)

        def backward(self, x, z, dz, memory):
            dg = (dz * (matrix(5, 5) @ x)).sum(axis=1, keepdims=True)
            return self.g * (matrix(5, 5).T @ dz), dg

    cause = cause_of(Scaled, "CB:5,7")

    assert cause.id == "missing-factor"
    assert "wrong side" in cause.text
    assert cause_of(Scaled, "CB:5,7", of="learnable:g") is None


def test_a_number_for_a_selection_lacks_its_mask():
    order = np.array([4, 0, 2])
    cause = cause_of(
        with_gradient(lambda x: x[order], lambda x, dz: np.tile(dz.sum(axis=0), (5, 1))), "CB:5,7"
    )

    assert cause.id in ("missing-factor", "wrong-axis")


class Normalised:
    """z = (x - m) / s over the batch, of which the division by s is not derived."""

    def predict(self, x):
        return (x - x.mean(axis=1, keepdims=True)) / self.std(x)

    def std(self, x):
        return np.sqrt(x.var(axis=1, keepdims=True) + 1e-3)

    def scale(self, x):
        return 1.0

    def backward(self, x, z, dz, memory):
        centred = dz - dz.mean(axis=1, keepdims=True)
        return (centred - z * (dz * z).mean(axis=1, keepdims=True)) * self.scale(x)


class NormalisedRight(Normalised):
    def scale(self, x):
        return 1 / self.std(x)


def test_a_spread_is_named_with_the_number_that_is_written_in_the_code():
    cause = cause_of(Normalised, "CB:5,7")

    assert cause.id == "missing-factor"
    assert "analytic / numeric = std of x over B (eps 0.001)" in cause.text
    assert cause_of(NormalisedRight, "CB:5,7") is None
