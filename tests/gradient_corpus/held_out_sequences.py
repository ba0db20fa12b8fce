"""Held out: layers over sequences, and of other conventions. See `held_out`."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class MovingAverage:
    """h' = a h + (1 - a) x over CTB, one a for each channel; the state is h."""

    learnables = ("a",)
    states = ("h",)
    state_gradients = True

    def __init__(self):
        self.a = self.h = None

    def initialize(self, layout):
        if self.a is None:
            self.a = np.linspace(0.3, 0.8, layout.size[0])[:, None]
        if self.h is None:
            self.h = np.zeros((layout.size[0], layout.size[2]))

    def reset_state(self):
        self.h = np.zeros_like(self.h)

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        h = self.h if self.h.shape[1] == x.shape[2] else np.zeros_like(x[:, 0])
        before, after = [], []
        for t in range(x.shape[1]):
            before.append(h)
            h = self.a * h + (1 - self.a) * x[:, t]
            after.append(h)
        self.h = h
        return np.stack(after, axis=1), np.stack(before, axis=1)

    def carried(self, dh):
        return self.a * dh

    def into_x(self, dh):
        return (1 - self.a) * dh

    def change(self, h, x):
        return h - x

    def backward(self, x, z, dz, dh, before):
        dx, da = np.empty_like(x), np.zeros_like(self.a)
        for t in reversed(range(x.shape[1])):
            dh = dh + dz[:, t]
            dx[:, t] = self.into_x(dh)
            da += (dh * self.change(before[:, t], x[:, t])).sum(axis=1, keepdims=True)
            dh = self.carried(dh)
        return dx, da, dh


class MovingAverageNotCarried(MovingAverage):
    def carried(self, dh):
        return 0 * dh


class MovingAverageWeightsExchanged(MovingAverage):
    def into_x(self, dh):
        return self.a * dh


class MovingAverageOldStateOnly(MovingAverage):
    def change(self, h, x):
        return h


class MovingAverageLate(MovingAverage):
    def backward(self, x, z, dz, dh, before):
        dx, da, dh = super().backward(x, z, dz, dh, before)
        return np.roll(dx, 1, axis=1), da, dh


class MovingAverageStateFixed(MovingAverage):
    def backward(self, x, z, dz, dh, before):
        dx, da, dh = super().backward(x, z, dz, dh, before)
        return dx, da, np.zeros_like(dh)


class PowerMean:
    """(mean of x^p over T)^(1/p) of positive x, CTB; p is learnt."""

    learnables = ("p",)

    def __init__(self):
        self.p = np.array(2.5)

    def predict(self, x):
        return (x**self.p).mean(axis=1) ** (1 / self.p)

    def output_layout(self, layout):
        return f"CB:{layout.size[0]},{layout.size[2]}"

    def share(self, x, z):
        return (x / z[:, None]) ** (self.p - 1) / x.shape[1]

    def root(self, x, z):
        return z * np.log(z) / self.p

    def backward(self, x, z, dz, memory):
        powers = x**self.p
        mean = powers.mean(axis=1)
        inner = (powers * np.log(x)).mean(axis=1) / mean
        dp = (dz * (z * inner / self.p - self.root(x, z))).sum()
        return dz[:, None] * self.share(x, z), np.asarray(dp)


class PowerMeanWithoutCount(PowerMean):
    def share(self, x, z):
        return super().share(x, z) * x.shape[1]


class PowerMeanWithoutRoot(PowerMean):
    def share(self, x, z):
        return x ** (self.p - 1) / x.shape[1]


class PowerMeanRootFixed(PowerMean):
    def root(self, x, z):
        return 0


class PowerMeanLastStep(PowerMean):
    def share(self, x, z):
        share = super().share(x, z)
        share[:, :-1] = 0
        return share


class FiLM:
    """x of SCB scaled and shifted by dense layers of a condition c of UB."""

    learnables = ("G", "H")

    def __init__(self):
        self.G = self.H = None

    def initialize(self, x, c):
        if self.G is None:
            self.G = normal(x.size[1], c.size[0])
            self.H = 1.5 * normal(x.size[1], c.size[0])[::-1].copy()

    def predict(self, x, c):
        return x * (self.G @ c) + self.H @ c

    def scale(self, x, dz):
        return (x * dz).sum(axis=0)

    def into_c(self, dg, dh):
        return self.G.T @ dg + self.H.T @ dh

    def backward(self, x, c, z, dz, memory):
        dg, dh = self.scale(x, dz), dz.sum(axis=0)
        return dz * (self.G @ c), self.into_c(dg, dh), dg @ c.T, dh @ c.T


class FiLMScaleFixed(FiLM):
    def into_c(self, dg, dh):
        return self.H.T @ dh


class FiLMFirstPixel(FiLM):
    def scale(self, x, dz):
        return x[0] * dz[0]


class FiLMWithoutInput(FiLM):
    def scale(self, x, dz):
        return dz.sum(axis=0)


class FiLMWeightsSwapped(FiLM):
    def backward(self, *arguments):
        dx, dc, dG, dH = super().backward(*arguments)
        return dx, dc, dH, dG


SEQUENCES = ("CTB:3,5,7",)
X, A, P, H = "input:x", "learnable:a", "learnable:p", "state:h"
AVERAGE = right(MovingAverage, *SEQUENCES)
MEAN = right(PowerMean, *SEQUENCES, range=(0.3, 3.0))
CONDITION = right(FiLM, "SCB:4,3,7", "UB:5,7")
CORRECT = (
    AVERAGE,
    MEAN,
    CONDITION,
)

BUGS = (
    wrong(
        AVERAGE,
        MovingAverageNotCarried,
        "Nothing goes back in time.",
        {X: "missing-term wrong-region", A: "missing-term wrong-region", H: "zero-gradient"},
    ),
    wrong(
        AVERAGE,
        MovingAverageWeightsExchanged,
        "a for 1 - a.",
        {X: "missing-factor constant-factor elementwise-derivative"},
    ),
    wrong(AVERAGE, MovingAverageOldStateOnly, "-x is missing.", {A: "missing-term"}),
    wrong(AVERAGE, MovingAverageLate, "Off by one step.", {X: "shifted"}),
    wrong(AVERAGE, MovingAverageStateFixed, "dh is not returned.", {H: "zero-gradient"}),
    wrong(MEAN, PowerMeanWithoutCount, "1/T is lost.", {X: "constant-factor"}),
    wrong(MEAN, PowerMeanWithoutRoot, "The root is not derived.", {X: "missing-factor"}),
    wrong(MEAN, PowerMeanRootFixed, "1/p is a constant.", {P: "missing-term"}),
    wrong(MEAN, PowerMeanLastStep, "The last step gets everything.", {X: "wrong-region"}),
    wrong(CONDITION, FiLMScaleFixed, "The scale is a constant.", {"input:c": "missing-term"}),
    wrong(
        CONDITION,
        FiLMFirstPixel,
        "The sum over the pixels is missing.",
        {
            "input:c": "missing-sum wrong-region missing-term",
            "learnable:G": "missing-sum wrong-region",
        },
    ),
    wrong(
        CONDITION,
        FiLMWithoutInput,
        "x is missing.",
        {"input:c": "missing-factor missing-term", "learnable:G": "missing-factor swapped-with"},
    ),
    wrong(
        CONDITION,
        FiLMWeightsSwapped,
        "dH comes first.",
        {"learnable:G": "swapped-with", "learnable:H": "swapped-with"},
    ),
)
