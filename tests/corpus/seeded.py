"""Small bugs that gradient checkers are known to pass, and layers that they wrongly fail."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right, wrong


class Sine:
    """The layer that the others spoil; `scale` multiplies what it returns."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def forward(self, x):
        self.x = x
        return self.scale * np.sin(x)

    def backward(self, dout):
        return self.scale * dout * np.cos(self.x)


class OneEntryOffByOnePerMille(Sine):
    def backward(self, dout):
        dx = super().backward(dout)
        dx[-1, 2] *= 1.001
        return dx


class ThreeTimesNegative(Sine):
    def backward(self, dout):
        return -3 * super().backward(dout)


class TenPercentTooMuch(Sine):
    def backward(self, dout):
        return 1.1 * super().backward(dout)


class FlippedAlongFeatures(Sine):
    def backward(self, dout):
        return np.ascontiguousarray(super().backward(dout)[:, ::-1])


class DeliveredToTheNextObservation(Sine):
    def backward(self, dout):
        return np.roll(super().backward(dout), 1, axis=0)


class DerivativeOfTheNeighbour(Sine):
    def backward(self, dout):
        return self.scale * dout * np.cos(np.roll(self.x, 1, axis=1))


class OneObservationIsSpecial(Sine):
    """Drops the batch axis where the batch holds one observation."""

    def forward(self, x):
        z = super().forward(x)
        return z[0] if len(x) == 1 else z


class NanInOneEntry(Sine):
    def backward(self, dout):
        dx = super().backward(dout)
        dx[-1, 2] = np.nan
        return dx


class LastStepOnly:
    """The running sum over time, whose gradient sees the last step alone."""

    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, dout):
        return np.repeat(dout[:, -1:], dout.shape[1], axis=1)


class RunningSum(LastStepOnly):
    def backward(self, dout):
        return np.cumsum(dout[:, ::-1], axis=1)[:, ::-1].copy()


class Cube:
    """Flat at 0, and steep away from it."""

    def forward(self, x):
        self.x = x
        return x**3

    def backward(self, dout):
        return 3 * dout * self.x**2


class Absolute:
    def forward(self, x):
        self.sign = np.sign(x)
        return np.abs(x)

    def backward(self, dout):
        return dout * self.sign


class Largest:
    """The maximum over features; ties go to the first."""

    def forward(self, x):
        self.shape = x.shape
        self.at = np.expand_dims(x.argmax(axis=1), 1)
        return np.take_along_axis(x, self.at, axis=1)

    def backward(self, dout):
        dx = np.zeros(self.shape, dout.dtype)
        np.put_along_axis(dx, self.at, dout, axis=1)
        return dx


class SumOfSoftmax:
    """Always 1: the true gradient is 0."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p.sum(axis=1, keepdims=True)

    def backward(self, dout):
        return self.p * (dout - (dout * self.p).sum(axis=1, keepdims=True))


class Twice:
    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


_X = "gradients.input:x"

CORRECT = (
    right(Sine, "BC:4,6"),
    right(Sine, "BC:4,6", init={"scale": 1e-6}, name="seeded.Sine of small outputs"),
    right(Sine, "BC:4,6", init={"scale": 1e6}, name="seeded.Sine of large outputs"),
    right(Sine, "BC:4,6", range=(-1e-7, 1e-7), name="seeded.Sine near 0"),
    right(RunningSum, "BT:4,6"),
    right(Cube, "BC:4,6"),
    right(Absolute, "BC:4,6"),
    right(Largest, "BC:4,6"),
    right(SumOfSoftmax, "BC:4,6"),
    right(Twice, "BC:4,6", range=(1e9, 1e10), name="seeded.Twice of huge inputs"),
)

BROKEN = (
    wrong(OneEntryOffByOnePerMille, "BC:4,6", fails=f"{_X} batch.input_gradients_independent"),
    wrong(ThreeTimesNegative, "BC:4,6", fails=_X),
    wrong(
        ThreeTimesNegative,
        "BC:4,6",
        init={"scale": 1e-6},
        name="seeded.ThreeTimesNegative of small outputs",
        fails=_X,
    ),
    wrong(
        TenPercentTooMuch,
        "BC:4,6",
        init={"scale": 1e6},
        name="seeded.TenPercentTooMuch of large outputs",
        fails=_X,
    ),
    wrong(FlippedAlongFeatures, "BC:4,6", fails=_X),
    wrong(
        DeliveredToTheNextObservation,
        "BC:4,6",
        fails=f"{_X} batch.input_gradients_independent",
    ),
    wrong(DerivativeOfTheNeighbour, "BC:4,6", fails=_X),
    wrong(OneObservationIsSpecial, "BC:4,6", fails="batch.single_observation"),
    wrong(
        NanInOneEntry,
        "BC:4,6",
        fails=f"{_X} batch.input_gradients_independent numerics.finite",
    ),
    wrong(LastStepOnly, "BT:4,6", fails=_X),
)
