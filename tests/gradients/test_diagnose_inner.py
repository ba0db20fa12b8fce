from __future__ import annotations

import numpy as np

from tests.gradients.diagnosing import cause_of, diagnosed, matrix


def logistic(x):
    return 1 / (1 + np.exp(-x))


class Swish:
    """z = x s(b x) with one b a channel."""

    learnables = ("b",)

    def __init__(self):
        self.b = np.linspace(0.5, 1.5, 5)[:, None]

    def predict(self, x):
        return x * logistic(self.b * x)

    def slopes(self, x, gate):
        return gate + self.b * x * gate * (1 - gate), x**2 * gate * (1 - gate)

    def backward(self, x, z, dz, memory):
        dx, db = self.slopes(x, logistic(self.b * x))
        return dz * dx, (dz * db).sum(axis=1, keepdims=True)


class SwishGateAlone(Swish):
    def slopes(self, x, gate):
        return gate, x**2 * gate * (1 - gate)


class SwishOddSlope(Swish):
    def slopes(self, x, gate):
        return super().slopes(x, gate)[0], x**2 * gate * (1 - gate) * np.cos(3 * x + 1)


def test_a_term_of_an_inner_gate_is_named():
    cause = cause_of(SwishGateAlone, "CB:5,7")

    assert cause.id == "missing-term"
    assert "numeric - analytic = x b sigmoid'(b x)" in cause.text


def test_a_slope_that_no_function_explains_names_none():
    found = diagnosed(SwishOddSlope, "CB:5,7", of="learnable:b")

    assert found.cause is None
    assert "35 of 35 entries of the Jacobian are wrong" in found.facts[0]


def test_a_swish_that_is_right_has_no_cause():
    assert cause_of(Swish, "CB:5,7") is None
    assert cause_of(Swish, "CB:5,7", of="learnable:b") is None


class Highway:
    """z = x + s(T x + b) (tanh(x) - x), which carries x."""

    learnables = ("T", "b")

    def __init__(self):
        self.T, self.b = 0.5 * matrix(5, 5), np.linspace(-0.5, 0.5, 5)[:, None]

    def gate(self, x):
        return logistic(self.T @ x + self.b)

    def predict(self, x):
        t = self.gate(x)
        return t * np.tanh(x) + (1 - t) * x

    def carried(self, t):
        return 1 - t

    def backward(self, x, z, dz, memory):
        t, h = self.gate(x), np.tanh(x)
        da = dz * (h - x) * t * (1 - t)
        dx = self.T.T @ da + dz * t * (1 - h**2) + dz * self.carried(t)
        return dx, da @ x.T, da.sum(axis=1, keepdims=True)


class HighwayForgetsCarry(Highway):
    def carried(self, t):
        return 0 * t


class HighwayHalfCarry(Highway):
    def carried(self, t):
        return 0.5 * (1 - t)


def test_a_path_beside_a_gate_is_named_with_the_gate():
    cause = cause_of(HighwayForgetsCarry, "CB:5,7")

    assert cause.id == "missing-term"
    assert "numeric - analytic = (1 - sigmoid(T x + b))" in cause.text


def test_a_path_that_is_there_in_part_is_named_with_its_factor():
    cause = cause_of(HighwayHalfCarry, "CB:5,7")

    assert "numeric - analytic = (1/2) (1 - sigmoid(T x + b))" in cause.text


def test_a_highway_that_is_right_has_no_cause():
    for tensor in ("input:x", "learnable:T", "learnable:b"):
        assert cause_of(Highway, "CB:5,7", of=tensor) is None
