"""Layers that work element by element."""

from __future__ import annotations

import math

import numpy as np

from tests.corpus.entry import right, wrong


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class ReluEditsUpstream(Relu):
    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class ReluEditsInput(Relu):
    def forward(self, x):
        self.mask = x <= 0
        x[self.mask] = 0
        return x


class ReluTimesInput(Relu):
    """Takes x for the derivative of x."""

    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, dout):
        return dout * np.maximum(self.x, 0)


class Sigmoid:
    def forward(self, x):
        self.out = 0.5 * (1 + np.tanh(0.5 * x))
        return self.out.copy()

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class SigmoidFlipped(Sigmoid):
    """1 / (1 + exp(+x)), with the derivative of the usual one."""

    def forward(self, x):
        return super().forward(-x)


class SigmoidOnePercentOff(Sigmoid):
    def backward(self, dout):
        return 1.01 * super().backward(dout)


class TanhAtUpstream:
    """Takes the derivative at the incoming gradient."""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, dout):
        return dout * (1 - np.tanh(dout) ** 2)


class Gelu:
    """The tanh approximation with its own derivative."""

    def forward(self, x):
        self.x = x
        return 0.5 * x * (1 + np.tanh(self._inner(x)))

    def backward(self, dout):
        t = np.tanh(self._inner(self.x))
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * self.x**2)
        return dout * 0.5 * (1 + t + self.x * (1 - t**2) * slope)

    def _inner(self, x):
        return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


class GeluMixed(Gelu):
    """The tanh approximation with the derivative of the exact formula: 1e-3 off."""

    def backward(self, dout):
        x = self.x
        erf = np.array([math.erf(v / math.sqrt(2)) for v in x.ravel()], x.dtype).reshape(x.shape)
        density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        return dout * (0.5 * (1 + erf) + x * density)


class Elu:
    def __init__(self, alpha=0.5):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1, self.alpha * np.exp(np.minimum(self.x, 0)))


class EluAddsAlpha(Elu):
    """Writes alpha exp(x) as output + alpha, and forgets that the output is where x > 0 too."""

    def forward(self, x):
        self.out = super().forward(x)
        return self.out.copy()

    def backward(self, dout):
        return dout * (self.out + self.alpha)


class LeakyReluAssignsAlpha:
    """Sets the gradient to alpha where it should be multiplied by it."""

    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        dx = dout.copy()
        dx[self.x < 0] = self.alpha
        return dx


class Swish:
    def forward(self, x):
        self.x = x
        self.gate = 0.5 * (1 + np.tanh(0.5 * x))
        return x * self.gate

    def backward(self, dout):
        return dout * self.gate * (1 + self.x * (1 - self.gate))


class SwishWithoutProductRule(Swish):
    def backward(self, dout):
        return dout * self.gate


class Clip:
    def __init__(self, low=-1.0, high=1.5):
        self.low = low
        self.high = high

    def forward(self, x):
        self.x = x
        return np.clip(x, self.low, self.high)

    def backward(self, dout):
        return dout * ((self.x > self.low) & (self.x < self.high))


class ClipForgetsTheCeiling(Clip):
    def backward(self, dout):
        return dout * (self.x > self.low)


_X = "gradients.input:x"

CORRECT = (
    right(Relu, "BCSS:3,2,7,5"),
    right(Sigmoid, "BC:4,6"),
    right(Gelu, "BTC:3,5,4"),
    right(Elu, "BC:4,6"),
    right(Swish, "BC:4,6"),
    right(Clip, "BC:4,6"),
)

BROKEN = (
    wrong(ReluEditsUpstream, "BC:4,6", fails="purity.upstream_unchanged purity.strided_inputs"),
    wrong(ReluEditsInput, "BC:4,6", fails="purity.inputs_unchanged purity.strided_inputs"),
    wrong(ReluTimesInput, "BC:4,6", fails=_X),
    wrong(SigmoidFlipped, "BC:4,6", fails=_X),
    wrong(SigmoidOnePercentOff, "BC:4,6", fails=_X),
    wrong(TanhAtUpstream, "BC:4,6", fails=f"{_X} gradients.linear_in_upstream"),
    wrong(GeluMixed, "BC:4,6", fails=_X),
    wrong(EluAddsAlpha, "BC:4,6", fails=_X),
    wrong(LeakyReluAssignsAlpha, "BC:4,6", fails=f"{_X} gradients.linear_in_upstream"),
    wrong(SwishWithoutProductRule, "BC:4,6", fails=_X),
    wrong(ClipForgetsTheCeiling, "BC:4,6", fails=_X),
)
