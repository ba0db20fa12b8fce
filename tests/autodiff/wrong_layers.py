"""Layers to be trained, without a backward pass, that break the trace; the line is marked."""

from __future__ import annotations

import math

import numpy as np


class _Weighted:
    learnables = ("W",)

    def __init__(self):
        self.W = np.random.default_rng(3).normal(size=(4, 3))


class ZerosBuffer(_Weighted):
    def predict(self, x):
        out = np.zeros((len(x), 3), x.dtype)
        for i, row in enumerate(x):
            out[i] = row @ self.W  # HERE
        return out


class AddedToBuffer(_Weighted):
    def predict(self, x):
        out = np.zeros((len(x), 3), x.dtype)
        for i in range(4):
            out += x[:, i : i + 1] * self.W[i]  # HERE
        return out


class AsArray(_Weighted):
    def predict(self, x):
        x = np.asarray(x)  # HERE
        return x @ self.W


class ArrayOfSums(_Weighted):
    def predict(self, x):
        return np.array([row @ self.W for row in x])  # HERE


class FloatOfNorm(_Weighted):
    def predict(self, x):
        scale = float(np.sum(self.W**2))  # HERE
        return x @ self.W / scale


class MathFunction(_Weighted):
    def predict(self, x):
        temperature = math.exp(self.W[0, 0])  # HERE
        return x @ self.W * temperature


class Item(_Weighted):
    def predict(self, x):
        return x @ self.W - self.W.max().item()  # HERE


class AddAt(_Weighted):
    def predict(self, x):
        z = x @ self.W
        total = np.zeros_like(z)
        np.add.at(total, (slice(None), [0, 0]), z[:, :2])  # HERE
        return total + z


class Vectorized(_Weighted):
    def predict(self, x):
        gate = np.vectorize(lambda v: max(v, 0.0), otypes=[x.dtype])
        return gate(x @ self.W)  # HERE


class Contiguous(_Weighted):
    def predict(self, x):
        columns = np.ascontiguousarray(self.W.T)  # HERE
        return x @ columns.T


class OutArgument(_Weighted):
    def predict(self, x):
        z = np.empty((len(x), 3), x.dtype)
        np.matmul(x, self.W, out=z)  # HERE
        return z


class InHelper(_Weighted):
    def predict(self, x):
        return x @ self.W + _bias(self.W)


def _bias(weights):
    return weights.dtype.type(math.tanh(weights[0, 0]))  # HERE


WRONG = (
    *(ZerosBuffer, AddedToBuffer, AsArray, ArrayOfSums, FloatOfNorm, MathFunction, Item, AddAt),
    *(Vectorized, Contiguous, OutArgument, InHelper),
)
