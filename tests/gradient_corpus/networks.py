"""Small networks as one layer: highway, and dense-ReLU-dense."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong
from tests.gradient_corpus.smooth import sigmoid


class Highway:
    """z = t h + (1 - t) x with t = sigmoid(T x), h = tanh(H x)."""

    learnables = ("H", "T")

    def __init__(self):
        self.H = None
        self.T = None

    def initialize(self, layout):
        if self.H is None:
            channels = layout.size[0]
            self.H = normal(channels, channels)
            self.T = 0.7 * normal(channels, channels)[::-1].copy()

    def predict(self, x):
        t = sigmoid(self.T @ x)
        return t * np.tanh(self.H @ x) + (1 - t) * x

    def carry(self, t, dz):
        return (1 - t) * dz

    def gate(self, t, h, x, dz):
        return dz * (h - x) * t * (1 - t)

    def backward(self, x, z, dz, memory):
        t, h = sigmoid(self.T @ x), np.tanh(self.H @ x)
        dt = self.gate(t, h, x, dz)
        dh = dz * t * (1 - h**2)
        dx = self.H.T @ dh + self.T.T @ dt + self.carry(t, dz)
        return dx, dh @ x.T, dt @ x.T


class HighwayWithoutCarry(Highway):
    def carry(self, t, dz):
        return 0 * dz


class HighwayCarryOpen(Highway):
    def carry(self, t, dz):
        return dz


class HighwayGateSeesOnlyCandidate(Highway):
    def gate(self, t, h, x, dz):
        return dz * h * t * (1 - t)


class HighwaySwapsWeights(Highway):
    def backward(self, x, z, dz, memory):
        dx, dH, dT = super().backward(x, z, dz, memory)
        return dx, dT, dH


class MLP:
    """Dense, ReLU, dense."""

    learnables = ("W1", "b1", "W2", "b2")

    def __init__(self):
        self.W1 = self.b1 = self.W2 = self.b2 = None

    def initialize(self, layout):
        if self.W1 is None:
            self.W1, self.b1 = normal(6, layout.size[0]), 0.3 * normal(6, 1)
            self.W2, self.b2 = normal(3, 6), 0.3 * normal(3, 1)

    def forward(self, x):
        a = self.W1 @ x + self.b1
        h = np.maximum(a, 0)
        return self.W2 @ h + self.b2, (a, h)

    def predict(self, x):
        return self.forward(x)[0]

    def da(self, a, h, dh):
        return dh * (a > 0)

    def backward(self, x, z, dz, memory):
        a, h = memory
        da = self.da(a, h, self.W2.T @ dz)
        ones = np.ones((x.shape[1], 1), x.dtype)
        return self.W1.T @ da, da @ x.T, da @ ones, dz @ h.T, dz @ ones


class MLPWithoutMask(MLP):
    def da(self, a, h, dh):
        return dh


class MLPMaskOfUpstream(MLP):
    def da(self, a, h, dh):
        return dh * (dh > 0)


class MLPHiddenBeforeMask(MLP):
    def backward(self, x, z, dz, memory):
        a, _ = memory
        dx, dW1, db1, _, db2 = super().backward(x, z, dz, memory)
        return dx, dW1, db1, dz @ a.T, db2


SMALL = ("CB:5,7",)
X, Y = "input:x", "input:y"
GATE = "missing-factor wrong-region elementwise-derivative"
HIGHWAY = right(Highway, *SMALL, full="CB:60,256")
PERCEPTRON = right(MLP, *SMALL, full="CB:60,256")
CORRECT = (
    HIGHWAY,
    PERCEPTRON,
)

BUGS = (
    wrong(HIGHWAY, HighwayWithoutCarry, "The carry path is lost.", {X: "missing-term"}, full=True),
    wrong(
        HIGHWAY,
        HighwayCarryOpen,
        "The carry gate is not applied.",
        {X: "missing-term missing-factor"},
    ),
    wrong(
        HIGHWAY,
        HighwayGateSeesOnlyCandidate,
        "d/dt of (1 - t) x is missing.",
        {X: "missing-term", "learnable:T": "missing-term"},
    ),
    wrong(
        HIGHWAY,
        HighwaySwapsWeights,
        "T's gradient goes to H.",
        {"learnable:H": "swapped-with", "learnable:T": "swapped-with"},
    ),
    wrong(
        PERCEPTRON,
        MLPWithoutMask,
        "The ReLU between is not derived.",
        {X: GATE, "learnable:W1": GATE, "learnable:b1": GATE},
    ),
    wrong(
        PERCEPTRON,
        MLPMaskOfUpstream,
        "The ReLU between takes its mask from the gradient.",
        dict.fromkeys((X, "learnable:W1", "learnable:b1"), "mask-from-upstream upstream-nonlinear"),
        also="linear_in_upstream",
    ),
    wrong(
        PERCEPTRON,
        MLPHiddenBeforeMask,
        "The cache holds a, not relu(a).",
        {"learnable:W2": "missing-factor wrong-region elementwise-derivative"},
    ),
)
