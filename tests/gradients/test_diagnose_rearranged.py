from __future__ import annotations

import numpy as np
import pytest

from tests.gradients.diagnosing import cause_of, diagnosed, ids_of, linear, matrix, with_gradient


class Sum:
    """z = a x + c^2 x: gradients of a and c have one shape."""

    learnables = ("a", "c")

    def __init__(self):
        self.a = self.c = None

    def initialize(self, layout):
        if self.a is None:
            size = layout.size[layout.find("C")]
            self.a = layout.along("C", np.linspace(0.5, 1.5, size))
            self.c = layout.along("C", np.linspace(2.0, 0.25, size))

    def predict(self, x):
        return self.a * x + self.slope_of_c() * x

    def slope_of_c(self):
        return self.c**2

    def gradients(self, da, dc):
        return da, dc

    def backward(self, x, z, dz, memory):
        total = (dz * x).sum(axis=1, keepdims=True)
        return dz * (self.a + self.c**2), *self.gradients(total, 2 * self.c * total)


class Swapped(Sum):
    def gradients(self, da, dc):
        return dc, da


class Symmetric(Sum):
    """z = (a + c) x: both gradients are the same."""

    def slope_of_c(self):
        return self.c

    def backward(self, x, z, dz, memory):
        total = (dz * x).sum(axis=1, keepdims=True)
        return dz * (self.a + self.c), *self.gradients(total, total)


class SymmetricTwice(Symmetric):
    def gradients(self, da, dc):
        return 2 * da, dc


@pytest.mark.parametrize(("name", "other"), [("a", "c"), ("c", "a")])
def test_two_gradients_in_the_wrong_order_are_swapped(name, other):
    cause = cause_of(Swapped, "CB:5,7", of=f"learnable:{name}")

    assert cause.id == "swapped-with"
    assert cause.evidence == {"with": other}


def test_gradients_that_are_equal_anyway_are_not_swapped():
    assert cause_of(Symmetric, "CB:5,7", of="learnable:a") is None
    assert ids_of(SymmetricTwice, "CB:5,7", of="learnable:a") == ["constant-factor"]


def test_the_transpose_of_a_matrix_is_transposed():
    cause = cause_of(linear(matrix(5, 5), matrix(5, 5).T), "CB:5,7")

    assert cause.id == "transposed"


def test_a_symmetric_matrix_is_not_transposed():
    symmetric = matrix(5, 5) + matrix(5, 5).T

    assert cause_of(linear(symmetric, symmetric.T), "CB:5,7") is None
    assert ids_of(linear(symmetric, 2 * symmetric.T), "CB:5,7") == ["constant-factor"]


def test_a_transpose_with_one_wrong_entry_is_not_transposed():
    claimed = matrix(5, 5).T.copy()
    claimed[1, 3] += 0.01

    assert "transposed" not in ids_of(linear(matrix(5, 5), claimed), "CB:5,7")


class Weights:
    """z = W x; the gradient of W may be rearranged."""

    learnables = ("W",)

    def __init__(self):
        self.W = matrix(4, 5)

    def predict(self, x):
        return self.W @ x

    def arranged(self, dW):
        return dW

    def backward(self, x, z, dz, memory):
        return self.W.T @ dz, self.arranged(dz @ x.T)


def arranging(how):
    return type("Arranging", (Weights,), {"arranged": lambda self, dW: how(dW)})


def test_a_reshape_for_a_transposition_is_transposed():
    cause = cause_of(arranging(lambda dW: dW.T.reshape(4, 5)), "CB:5,7", of="learnable:W")

    assert cause.id == "transposed"
    assert "transpose it where it is reshaped" in cause.text


@pytest.mark.parametrize(
    ("how", "id", "words"),
    [
        (lambda dW: dW[::-1], "flipped", "reversed along axis 0 of W"),
        (lambda dW: dW[::-1, ::-1], "flipped", "axis 0 of W, axis 1 of W"),
        (lambda dW: np.roll(dW, 1, axis=1), "shifted", "+1 along axis 1 of W, and round the end"),
        (lambda dW: dW[:, [2, 4, 0, 3, 1]], "permuted", "in the order 2, 4, 0, 3, 1"),
        (lambda dW: dW[[0, 1, 3, 2]], "permuted", "in the order 0, 1, 3, 2"),
    ],
)
def test_slices_at_other_places_are_named(how, id, words):
    cause = cause_of(arranging(how), "CB:5,7", of="learnable:W")

    assert cause.id == id
    assert words in cause.text


@pytest.mark.parametrize(
    "how",
    [
        lambda dW: dW[::-1] * np.linspace(1, 2, 5),
        lambda dW: np.roll(dW, 1, axis=1) + 0.1 * dW,
    ],
)
def test_slices_that_are_not_all_there_are_not_moved(how):
    found = ids_of(arranging(how), "CB:5,7", of="learnable:W")

    assert not {"flipped", "shifted", "permuted", "transposed"} & set(found)


def test_an_upstream_that_is_used_reversed_is_flipped():
    cause = cause_of(linear(matrix(4, 5), matrix(4, 5)[::-1]), "CB:5,7")

    assert cause.id == "flipped"
    assert "upstream gradient is used reversed along C" in cause.text


def correlated(x, kernel):
    return sum(w * x[i : len(x) - 2 + i] for i, w in enumerate(kernel))


def test_a_kernel_that_is_not_flipped_is_flipped_along_space():
    kernel = np.array([0.5, -1.5, 2.0])

    def dx(x, dz):
        total = np.zeros_like(x)
        for i, w in enumerate(kernel[::-1]):
            total[i : len(x) - 2 + i] += w * dz
        return total

    cause = cause_of(with_gradient(lambda x: correlated(x, kernel), dx), "SB:8,3")

    assert cause.id in ("flipped", "shifted")
    assert "S" in cause.text


def test_picks_at_wrong_places_are_permuted():
    order = np.array([3, 0, 4, 1, 2])
    cause = cause_of(with_gradient(lambda x: x[order], lambda x, dz: dz[order]), "CB:5,7")

    assert cause.id == "permuted"


def test_values_of_an_input_at_other_places_are_shifted():
    class Product:
        def predict(self, a, b):
            return a * b

        def backward(self, a, b, z, dz, memory):
            return dz * np.roll(b, 1, axis=0), dz * a

    cause = cause_of(Product, "a=SB:5,4", "b=SB:5,4", of="input:a")

    assert cause.id == "shifted"
    assert diagnosed(Product, "a=SB:5,4", "b=SB:5,4", of="input:b").cause is None


class Scores:
    """z = tanh(q k') v for each observation, on BTC."""

    def predict(self, q, k, v):
        return np.tanh(q @ k.swapaxes(1, 2)) @ v

    def of_keys(self, ds, q):
        return ds.swapaxes(1, 2) @ q

    def of_queries(self, ds, k):
        return ds @ k

    def backward(self, q, k, v, z, dz, memory):
        a = np.tanh(q @ k.swapaxes(1, 2))
        ds = dz @ v.swapaxes(1, 2) * (1 - a**2)
        return self.of_queries(ds, k), self.of_keys(ds, q), a.swapaxes(1, 2) @ dz


class KeysNotTransposed(Scores):
    def of_keys(self, ds, q):
        return ds @ q


class QueriesTransposed(Scores):
    def of_queries(self, ds, k):
        return ds.swapaxes(1, 2) @ k


class KeysOfKeys(Scores):
    def backward(self, q, k, v, z, dz, memory):
        dq, _, dv = super().backward(q, k, v, z, dz, memory)
        a = np.tanh(q @ k.swapaxes(1, 2))
        return dq, (dz @ v.swapaxes(1, 2) * (1 - a**2)) @ k, dv


QKV = ("q=BTC:2,4,3", "k=BTC:2,4,3", "v=BTC:2,4,5")


@pytest.mark.parametrize(
    ("layer", "name", "array"), [(KeysNotTransposed, "k", "q"), (QueriesTransposed, "q", "k")]
)
def test_scores_that_are_not_transposed_are_named(layer, name, array):
    cause = cause_of(layer, *QKV, of=f"input:{name}")

    assert cause.id == "transposed"
    assert cause.evidence["array"] == array


def test_scores_that_multiply_another_array_are_not_transposed():
    assert "transposed" not in ids_of(KeysOfKeys, *QKV, of="input:k")


@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_scores_that_are_right_have_no_cause(name):
    assert cause_of(Scores, *QKV, of=f"input:{name}") is None
