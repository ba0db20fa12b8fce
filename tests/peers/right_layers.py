"""Correct layers, and values, at which other checkers accuse the layer."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right
from tests.peers.wrong_others import Conv
from tests.peers.wrong_pointwise import FULL, ONLY, Sine


class Pointwise:
    """A function and its slope."""

    def predict(self, x):
        return self.function(x)

    def backward(self, x, z, dz, memory):
        return (dz * self.slope(x)).astype(dz.dtype)


class ReLU(Pointwise):
    def function(self, x):
        return np.maximum(x, 0)

    def slope(self, x):
        return x > 0


class Absolute(Pointwise):
    def function(self, x):
        return np.abs(x)

    def slope(self, x):
        return np.sign(x)


class Cube(Pointwise):
    def function(self, x):
        return x * x * x

    def slope(self, x):
        return 3 * x * x


class SquareRoot(Pointwise):
    def function(self, x):
        return np.sqrt(x)

    def slope(self, x):
        return 0.5 / np.sqrt(x)


class Cosine(Pointwise):
    def function(self, x):
        return np.cos(x)

    def slope(self, x):
        return -np.sin(x)


class Steep(Pointwise):
    """Smooth, and nearly a step."""

    def function(self, x):
        return np.tanh(50 * x)

    def slope(self, x):
        return 50 / np.cosh(np.minimum(np.abs(50 * x), 40)) ** 2


class NearlyConstant(Pointwise):
    """1, but for what rounding leaves of x."""

    def function(self, x):
        return (x + 1000) - x - 999

    def slope(self, x):
        return np.zeros_like(x)


class Iterated(Pointwise):
    """The square root of 1 + x x by Newton's steps, stopped early: its noise agrees with itself."""

    def function(self, x):
        y = 1 + np.abs(x)
        for _ in range(20):
            step = (y - (1 + x * x) / y) / 2
            y = y - step
            if np.max(np.abs(step)) < 1e-4:
                break
        return y

    def slope(self, x):
        return x / np.sqrt(1 + x * x)


class Largest:
    """The maximum over features; ties go to the first."""

    def predict(self, x):
        return x.max(axis=0, keepdims=True)

    def backward(self, x, z, dz, memory):
        return dz * (np.arange(len(x)).reshape(-1, 1) == x.argmax(axis=0))


class CumulativeProduct:
    """Products over time, whose gradient must not divide by an element that is 0."""

    def predict(self, x):
        return np.cumprod(x, axis=0)

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        for t in range(len(x)):
            others = x.copy()
            others[t] = 1
            dx[t] = np.sum((dz * np.cumprod(others, axis=0))[t:], axis=0)
        return dx


class WeighedSum:
    """Two inputs of scales that differ by 18 orders of magnitude."""

    def predict(self, a, b):
        return np.sin(a * 1e9) + np.sin(b * 1e-9)

    def backward(self, a, b, z, dz, memory):
        return dz * 1e9 * np.cos(a * 1e9), dz * 1e-9 * np.cos(b * 1e-9)


class Softmax:
    def predict(self, x):
        e = np.exp(x - x.max(axis=0))
        return e / e.sum(axis=0)

    def backward(self, x, z, dz, memory):
        return z * (dz - (z * dz).sum(axis=0))


class SumOfSoftmax(Softmax):
    """Always 1: the true gradient is 0, and what is computed is rounding."""

    def predict(self, x):
        return super().predict(x).sum(axis=0, keepdims=True)

    def backward(self, x, z, dz, memory):
        return super().backward(x, super().predict(x), dz, memory)


class TakesSome:
    """Takes the first features; there may be none."""

    def __init__(self, count):
        self.count = count

    def predict(self, x):
        return x[: self.count].copy(), x[self.count :].copy()

    num_outputs = 2

    def backward(self, x, first, rest, dfirst, drest, memory):
        return np.concatenate((dfirst, drest))


class Ranks:
    """A floating output that has no gradient beside one that has."""

    num_outputs = 2

    def predict(self, x):
        return 2 * x, np.argsort(x, axis=0).astype(x.dtype)

    def backward(self, x, z, ranks, dz, dranks, memory):
        return 2 * dz


class GroupNorm:
    """Takes only channels that its number of groups divides."""

    def __init__(self, groups):
        self.groups = groups

    def scaled(self, x):
        if x.shape[0] % self.groups:
            raise ValueError(f"{x.shape[0]} channels are not {self.groups} groups")
        grouped = x.reshape(self.groups, -1, x.shape[-1])
        centred = grouped - grouped.mean(axis=1, keepdims=True)
        deviation = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-3)
        return centred / deviation, deviation

    def predict(self, x):
        return self.scaled(x)[0].reshape(x.shape)

    def backward(self, x, z, dz, memory):
        scaled, deviation = self.scaled(x)
        dz = dz.reshape(scaled.shape)
        mean = dz.mean(axis=1, keepdims=True)
        along = np.mean(dz * scaled, axis=1, keepdims=True)
        return ((dz - mean - scaled * along) / deviation).reshape(x.shape)


AT_KINKS = np.array([[0.0, 3e-7, -3e-7, 1.0], [0.0, 0.0, 2.0, 0.5], [-1.0, 3e-7, 2.0, 2.0]])
F64 = {"dtypes": ("float64",)}
QUICK = (
    right(ReLU, "CB:3,4", data=AT_KINKS, name="relu at 0 and at 3e-7"),
    right(Absolute, "CB:3,4", data=AT_KINKS, name="abs at 0 and at 3e-7"),
    right(Largest, "CB:3,4", data=AT_KINKS, name="maximum of tied values"),
    right(Cube, "CB:3,4", data=AT_KINKS * 1e-3, name="cube at 0"),
    right(Sine, "CB:5,4", dtypes=("float16",), name="sine in float16"),
    right(Sine, "CB:5,4", range=(-1e-9, 1e-9), name="sine at 1e-9"),
    right(Sine, "CB:5,4", range=(-1e-7, 1e-7), name="sine at 1e-7"),
    right(SquareRoot, "CB:5,4", range=(1e-7, 2e-7), name="root at 1e-7"),
    right(Steep, "CB:5,4", name="steep"),
    right(NearlyConstant, "CB:5,4", name="constant and rounding"),
    right(CumulativeProduct, "TB:5,4", name="cumulative product"),
    right(
        WeighedSum,
        "CB:5,4",
        "CB:5,4",
        range={"a": (-1e-9, 1e-9), "b": (-1e9, 1e9)},
        name="inputs of 1e-9 and of 1e9",
    ),
    right(SumOfSoftmax, "CB:5,4", name="sum of softmax"),
    right(Softmax, "CB:5,4", name="softmax"),
    right(TakesSome, "CB:5,4", init={"count": 0}, name="an output without elements"),
    right(Ranks, "CB:5,4", name="an output without gradient", only=ONLY),
    right(GroupNorm, "CB:6,4", init={"groups": 3}, name="group norm"),
    right(Conv, "SSCB:5,5,2,3", init={"channels": 2, "factor": 1}, name="convolution"),
)
LARGE = (
    right(Sine, FULL, name="sine at 1,474,560", only=ONLY),
    right(ReLU, FULL, name="relu at 1,474,560", only=ONLY),
    right(
        Conv,
        "SSCB:16,16,32,32",
        init={"channels": 32, "factor": 1},
        name="convolution of 262,144",
        only=ONLY,
        **F64,
    ),
)
__all__ = ["LARGE", "QUICK"]
