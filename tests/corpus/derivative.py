"""A function with its derivative, for layers that work element by element."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right, wrong


class Tanh:
    def fn(self, z):
        return np.tanh(z)

    def grad(self, x):
        return 1 - np.tanh(x) ** 2


class TanhOfOutput(Tanh):
    """Expects the output where it gets the input."""

    def grad(self, x):
        return 1 - x**2


class Sigmoid:
    def __call__(self, x):
        return 0.5 * (1 + np.tanh(0.5 * x))

    def gradient(self, x):
        p = self(x)
        return p * (1 - p)


class SoftPlus:
    def f(self, x):
        return np.logaddexp(0, x)

    def df(self, x):
        return 0.5 * (1 + np.tanh(0.5 * x))


class SoftPlusOverflows:
    """log(1 + exp(x)) as it is written in books."""

    def f(self, x):
        return np.log(1 + np.exp(x))

    def df(self, x):
        return np.exp(x) / (1 + np.exp(x))


class LeakyRelu:
    def __call__(self, x):
        return np.where(x >= 0, x, 0.2 * x)

    def gradient(self, x):
        return np.where(x >= 0, np.ones_like(x), 0.2)


class LeakyReluWrongSide(LeakyRelu):
    def gradient(self, x):
        return np.where(x >= 0, 0.2 * np.ones_like(x), 1)


class Softmax:
    """p (1 - p) is the diagonal alone; no derivative of this kind can be right."""

    def __call__(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    def gradient(self, x):
        p = self(x)
        return p * (1 - p)


class Affine:
    """A line, whose derivative loses the shape."""

    def __init__(self, slope=3.0, intercept=0.5):
        self.slope = slope
        self.intercept = intercept

    def fn(self, z):
        return self.slope * z + self.intercept

    def grad(self, x):
        return self.slope * np.ones_like(x)


class BackwardThatReturnsTheDerivative:
    """Looks like a stateful layer, and the upstream gradient is missing."""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, x):
        return 1 - np.tanh(x) ** 2


CORRECT = (
    right(Tanh, "BC:4,6"),
    right(Sigmoid, "BC:4,6"),
    right(SoftPlus, "BC:4,6"),
    right(LeakyRelu, "BC:4,6"),
    right(Affine, "BC:4,6"),
)

BROKEN = (
    wrong(TanhOfOutput, "BC:4,6", fails="gradients.input:z"),
    wrong(LeakyReluWrongSide, "BC:4,6", fails="gradients.input:x"),
    wrong(Softmax, "BC:4,6", fails="gradients.input:x"),
    wrong(SoftPlusOverflows, "BC:4,6", fails="numerics.large_values"),
    wrong(
        BackwardThatReturnsTheDerivative,
        "BC:4,6",
        fails="gradients.input:x gradients.linear_in_upstream",
    ),
)
