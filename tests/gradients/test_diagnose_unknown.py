from __future__ import annotations

import re

import numpy as np
import pytest

from tests.gradients.diagnosing import diagnosed, linear, matrix, with_gradient


def test_a_random_matrix_has_no_cause_but_a_cosine_and_a_size():
    true, claimed = matrix(6, 6), 3 * matrix(6, 6, 1)
    found = diagnosed(linear(true, claimed), "CB:6,7")
    (fact,) = found.facts
    cosine = float(re.search(r"cosine with the true one is (-?[\d.]+)", fact)[1])
    ratio = float(re.search(r"norm ([\d.]+) times", fact)[1])

    assert found.cause is None
    assert cosine == pytest.approx(
        np.sum(true * claimed) / np.linalg.norm(true) / np.linalg.norm(claimed), abs=1e-3
    )
    assert ratio == pytest.approx(np.linalg.norm(claimed) / np.linalg.norm(true), rel=1e-2)
    assert "252 of 252 entries of the Jacobian are wrong" in fact


def test_a_correct_layer_has_neither_cause_nor_facts():
    found = diagnosed(linear(matrix(6, 6), matrix(6, 6)), "CB:6,7")

    assert (found.cause, found.others, found.facts) == (None, (), ())


class Two:
    """z = W x + V x^2; every element of the gradient of V has a factor of its own."""

    learnables = ("W", "V")

    def __init__(self):
        self.W, self.V = matrix(4, 4), matrix(4, 4, 1)

    def predict(self, x):
        return self.W @ x + self.V @ x**2

    def backward(self, x, z, dz, memory):
        dx = self.W.T @ dz + 2 * x * (self.V.T @ dz)
        return dx, dz @ x.T, matrix(4, 4, 2) * (dz @ (x**2).T)


def test_a_cause_that_says_little_adds_which_other_gradients_are_right():
    cause = diagnosed(Two, "CB:4,7", of="learnable:V").cause

    assert "axis 1 of V, axis 0 of V alone" in cause.text
    assert cause.text.endswith("; backward() is right for x and W.")


class Twice(Two):
    def backward(self, x, z, dz, memory):
        dx, dW, dV = super().backward(x, z, dz, memory)
        return dx, 2 * dW, dV


def test_a_cause_that_says_all_adds_nothing():
    assert "backward() is right" not in diagnosed(Twice, "CB:4,7", of="learnable:W").cause.text


def test_a_cause_names_the_smaller_layout_at_which_it_was_found():
    layer = with_gradient(lambda x: x.sum(axis=0), lambda x, dz: np.broadcast_to(dz, x.shape) / 20)
    found = diagnosed(layer, "SB:20,200")
    small = str(found.layouts[-1][0])

    assert small != "SB:20,200"
    assert found.cause.text.startswith(f"at {small}: ")


def test_a_cause_at_the_layout_itself_names_none():
    found = diagnosed(linear(matrix(4, 5), -matrix(4, 5)), "CB:5,7")

    assert [str(layout) for (layout,) in found.layouts] == ["CB:5,7"]
    assert found.cause.text.startswith("analytic / numeric = -1")


def test_a_layer_that_runs_at_one_size_alone_is_diagnosed_there():
    class Fixed:
        def predict(self, x):
            return np.cumsum(x, axis=0) * np.linspace(1, 2, 40)[:, None]

        def backward(self, x, z, dz, memory):
            return -np.cumsum((dz * np.linspace(1, 2, 40)[:, None])[::-1], axis=0)[::-1]

    found = diagnosed(Fixed, "SB:40,30")

    assert found.cause.id == "sign-flipped"
    assert "SB:40," in found.cause.text


class Chain:
    """h = tanh(x + r h) in time, whose step is derived with another slope."""

    def predict(self, x):
        z, h = np.zeros_like(x), np.zeros_like(x[:, 0])
        for t in range(x.shape[1]):
            z[:, t] = h = np.tanh(x[:, t] + 0.75 * h)
        return z

    def slope(self, z):
        return 1 - z**2

    def between(self, dh):
        return 0.75 * dh

    def backward(self, x, z, dz, memory):
        dx, dh = np.zeros_like(x), np.zeros_like(x[:, 0])
        for t in reversed(range(x.shape[1])):
            dx[:, t] = (dz[:, t] + dh) * self.slope(z[:, t])
            dh = self.between(dx[:, t])
        return dx


class ChainWithoutSquare(Chain):
    def slope(self, z):
        return 1 - z


class ChainWithoutRate(Chain):
    def between(self, dh):
        return dh


def test_a_single_time_step_shows_what_is_wrong_within_each():
    cause = diagnosed(ChainWithoutSquare, "CTB:3,5,4").cause

    assert cause.text.startswith("with a single time step (CTB:3,1,4): ")
    assert "analytic / numeric = 1 / (1 + z)" in cause.text


def test_a_single_time_step_that_is_right_is_mentioned():
    cause = diagnosed(ChainWithoutRate, "CTB:3,5,4").cause

    assert cause.id == "wrong-region"
    assert "with a single time step backward() is right" in cause.text


def test_a_chain_that_is_right_has_no_cause():
    assert diagnosed(Chain, "CTB:3,5,4").cause is None
