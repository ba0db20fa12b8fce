"""Layers that change what they should not, or that remember too much."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Tanh:
    """The layer that the others spoil."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y.copy()

    def backward(self, dout):
        return dout * (1 - self.y**2)


class ReusesItsOutputBuffer(Tanh):
    def __init__(self):
        self.buffer = None

    def forward(self, x):
        if self.buffer is None or self.buffer.shape != x.shape or self.buffer.dtype != x.dtype:
            self.buffer = np.empty_like(x)
        self.y = np.tanh(x)
        np.copyto(self.buffer, self.y)
        return self.buffer


class CountsItsCalls(Tanh):
    def __init__(self):
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) + self.calls


class KeepsItsFirstInput(Tanh):
    """A cache that is never renewed."""

    def __init__(self):
        self.y = None

    def forward(self, x):
        y = np.tanh(x)
        if self.y is None:
            self.y = y.copy()
        return y


class EditsItsCache(Tanh):
    """The second backward sees what the first one left."""

    def backward(self, dout):
        self.y **= 2
        return dout * (1 - self.y)


class SharesItsCache(Tanh):
    """The workspace belongs to the class: one for each shape."""

    cache = {}  # noqa: RUF012

    def forward(self, x):
        self.cache[x.shape] = np.tanh(x)
        return self.cache[x.shape].copy()

    def backward(self, dout):
        return dout * (1 - self.cache[dout.shape] ** 2)


class AssumesContiguousRows(Tanh):
    """Reads the memory of x in the order in which it lies there."""

    def forward(self, x):
        self.y = np.tanh(x.ravel(order="K").reshape(x.shape))
        return self.y.copy()


class ReshapesInPlace(Tanh):
    """Sets x.shape, which only contiguous arrays allow, and sets it back."""

    def forward(self, x):
        shape = x.shape
        x.shape = (x.size,)
        y = np.tanh(x)
        x.shape = shape
        self.y = y.reshape(shape)
        return self.y.copy()


class Scale:
    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        self.x = x
        return self.scale * x

    def backward(self, dout):
        self.dscale = (dout * self.x).sum(axis=0)
        return dout * self.scale


class ScaleDecaysInForward(Scale):
    def forward(self, x):
        out = super().forward(x)
        self.scale *= 0.99
        return out

    def backward(self, dout):
        dx = super().backward(dout)
        return dx / 0.99


class ScaleDecaysInBackward(Scale):
    """Weight decay where nobody expects it."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.scale *= 0.99
        return dx


class ReturnsItsLearnable:
    """Ignores x and hands out the parameter itself, not a copy."""

    learnables = ("constant",)

    def initialize(self, layout):
        self.constant = normal(*layout.size)

    def predict(self, x):
        return self.constant

    def backward(self, x, z, dz, memory):
        return np.zeros_like(x), dz


_SCALE = {"scale": 1 + normal(6)}

CORRECT = (right(Tanh, "BC:4,6"), right(Scale, "BC:4,6", init=_SCALE))

BROKEN = (
    wrong(ReusesItsOutputBuffer, "BC:4,6", fails="purity.no_aliasing"),
    wrong(CountsItsCalls, "BC:4,6", fails="purity.deterministic"),
    wrong(KeepsItsFirstInput, "BC:4,6", fails="purity.backward_of_earlier_forward"),
    wrong(EditsItsCache, "BC:4,6", fails="gradients.repeatable"),
    wrong(SharesItsCache, "BC:4,6", fails="purity.instances_independent"),
    wrong(AssumesContiguousRows, "BC:4,6", fails="purity.strided_inputs"),
    wrong(ReshapesInPlace, "BC:4,6", fails="purity.strided_inputs"),
    wrong(
        ScaleDecaysInForward,
        "BC:4,6",
        init=_SCALE,
        fails="purity.learnables_unchanged purity.deterministic",
    ),
    wrong(
        ScaleDecaysInBackward,
        "BC:4,6",
        init=_SCALE,
        fails="purity.learnables_unchanged gradients.repeatable",
    ),
    wrong(
        ReturnsItsLearnable,
        "SC:4,6",
        fails="purity.no_aliasing",
    ),
)
