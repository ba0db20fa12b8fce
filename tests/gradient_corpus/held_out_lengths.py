"""Held out: layers that know the length of vectors. See `held_out`."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class WeightNorm:
    """z = x W with columns W = g v / |v|, for rows of BC."""

    learnables = ("g", "v")

    def __init__(self):
        self.g = self.v = None

    def initialize(self, layout):
        if self.g is None:
            self.g = np.linspace(0.5, 1.5, 4)
            self.v = normal(layout.size[1], 4)

    def output_layout(self, layout):
        return layout.with_size("C", 4)

    def direction(self):
        length = np.sqrt((self.v**2).sum(axis=0))
        return self.v / length, length

    def predict(self, x):
        return x @ (self.g * self.direction()[0])

    def radial(self, u, dW):
        return u * (u * dW).sum(axis=0)

    def backward(self, x, z, dz, memory):
        u, length = self.direction()
        dW = x.T @ dz
        dv = self.g / length * (dW - self.radial(u, dW))
        return dz @ (self.g * u).T, (u * dW).sum(axis=0), dv


class WeightNormLengthFixed(WeightNorm):
    def radial(self, u, dW):
        return 0


class WeightNormWithoutGain(WeightNorm):
    def backward(self, x, z, dz, memory):
        dx, dg, dv = super().backward(x, z, dz, memory)
        return dx, dg, dv / self.g


class WeightNormRawDirection(WeightNorm):
    def backward(self, x, z, dz, memory):
        dx, _, dv = super().backward(x, z, dz, memory)
        return dx, (self.v * (x.T @ dz)).sum(axis=0), dv


class WeightNormPlainWeights(WeightNorm):
    def backward(self, x, z, dz, memory):
        _, dg, dv = super().backward(x, z, dz, memory)
        return dz @ self.v.T, dg, dv


class Squash:
    """Capsules: x |x| / (1 + |x|^2) along C of CB."""

    def length(self, x):
        return np.sqrt((x**2).sum(axis=0, keepdims=True))

    def predict(self, x):
        n = self.length(x)
        return x * n / (1 + n**2)

    def along(self, n):
        return (1 - n**2) / (n * (1 + n**2) ** 2)

    def backward(self, x, z, dz, memory):
        n = self.length(x)
        return dz * n / (1 + n**2) + x * (x * dz).sum(axis=0, keepdims=True) * self.along(n)


class SquashLengthFixed(Squash):
    def along(self, n):
        return 0


class SquashQuotientRule(Squash):
    def along(self, n):
        return 1 / (n * (1 + n**2))


class SquashWithoutInput(Squash):
    def backward(self, x, z, dz, memory):
        n = self.length(x)
        return dz * n / (1 + n**2) ** 2


class Phasor:
    """x / |x| of complex rows BC."""

    def predict(self, x):
        return x / np.abs(x)

    def backward(self, x, z, dz, memory):
        return (dz - z * (z.conj() * dz).real) / np.abs(x)


class PhasorLengthFixed(Phasor):
    def backward(self, x, z, dz, memory):
        return dz / np.abs(x)


class PhasorConjugate(Phasor):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory).conj()


ROWS = ("BC:7,5",)
COLUMNS = ("CB:5,7",)
X, C, S, G, V, w = (
    "input:x",
    "learnable:c",
    "learnable:s",
    "learnable:g",
    "learnable:v",
    "learnable:w",
)
COMPLEX = np.round(np.random.default_rng(3).uniform(0.3, 2, (2, 4, 6)) * 256) / 256
NORMED = right(WeightNorm, *ROWS)
CAPSULE = right(Squash, *COLUMNS)
PHASOR = right(Phasor, "BC:4,6", data={"x": COMPLEX[0] - 1j * COMPLEX[1]})
CORRECT = (
    NORMED,
    CAPSULE,
    PHASOR,
)

BUGS = (
    wrong(NORMED, WeightNormLengthFixed, "|v| is a constant.", {V: "missing-term"}),
    wrong(NORMED, WeightNormWithoutGain, "g is missing.", {V: "missing-factor"}),
    wrong(NORMED, WeightNormRawDirection, "v for v / |v|.", {G: "missing-factor"}),
    wrong(NORMED, WeightNormPlainWeights, "v for W.", {X: "missing-factor"}),
    wrong(CAPSULE, SquashLengthFixed, "|x| is a constant.", {X: "missing-term"}),
    wrong(
        CAPSULE,
        SquashQuotientRule,
        "The denominator is not derived.",
        {X: "missing-term"},
    ),
    wrong(
        CAPSULE,
        SquashWithoutInput,
        "The derivative of a scalar's squash.",
        {X: "missing-term missing-factor"},
    ),
    wrong(PHASOR, PhasorLengthFixed, "|x| is a constant.", {X: "missing-term"}),
    wrong(PHASOR, PhasorConjugate, "The other convention.", {X: "conjugate"}),
)
