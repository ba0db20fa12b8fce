"""Layers whose weights are built when the first input is seen."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class LazyDense:
    def __init__(self, units):
        self.units = units
        self.W = None
        self.b = None

    def forward(self, x):
        if self.W is None:
            self.W = normal(x.shape[1], self.units).astype(x.dtype)
            self.b = np.zeros(self.units, x.dtype)
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class LazyDenseSumsTheWrongAxis(LazyDense):
    def __init__(self):
        super().__init__(units=4)

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum(axis=1)
        return dx


class LazyScaleForOneBatch:
    """Has one factor for each observation of the first batch."""

    def __init__(self):
        self.scale = None

    def forward(self, x):
        if self.scale is None:
            self.scale = 1 + normal(len(x), 1).astype(x.dtype)
        self.x = x
        return x * self.scale

    def backward(self, dout):
        self.dscale = (dout * self.x).sum(axis=1, keepdims=True)
        return dout * self.scale


class BuiltDense:
    """With a build method of its own."""

    def __init__(self, units):
        self.units = units
        self.kernel = None

    def build(self, input_shape):
        self.kernel = normal(input_shape[-1], self.units)

    def forward(self, x):
        if self.kernel is None:
            self.build(x.shape)
        self.x = x
        return x @ self.kernel

    def backward(self, dout):
        self.dkernel = self.x.T @ dout
        return dout @ self.kernel.T


class BuiltDenseDetached(BuiltDense):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dkernel = np.zeros_like(self.kernel)
        return dx


CORRECT = (
    right(LazyDense, "BC:4,6", init={"units": 3}),
    right(BuiltDense, "BC:4,6", init={"units": 3}),
)

BROKEN = (
    wrong(
        LazyDenseSumsTheWrongAxis,
        "BC:4,6",
        fails="gradients.learnable:b batch.single_observation batch.other_batch_sizes",
        note="There are as many units as observations.",
    ),
    wrong(
        LazyScaleForOneBatch,
        "BC:4,6",
        fails="batch.single_observation batch.other_batch_sizes batch.permutation",
    ),
    wrong(
        BuiltDenseDetached,
        "BC:4,6",
        init={"units": 3},
        fails="gradients.learnable:kernel gradients.reaches_all_learnables",
    ),
)
