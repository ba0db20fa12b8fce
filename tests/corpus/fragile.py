"""Layers that break at special values, sizes or positions."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class UnitLength:
    """x / |x|, and zero at zero."""

    def predict(self, x):
        return x / self._length(x)

    def backward(self, x, z, dz, memory):
        return (dz - z * (z * dz).sum(axis=-1, keepdims=True)) / self._length(x)

    def _length(self, x):
        largest = np.abs(x).max(axis=-1, keepdims=True)
        safe = np.where(largest > 0, largest, 1)
        length = safe * np.sqrt(((x / safe) ** 2).sum(axis=-1, keepdims=True))
        return np.where(largest > 0, length, 1)


class UnitLengthDividesByZero(UnitLength):
    def _length(self, x):
        return np.sqrt((x**2).sum(axis=-1, keepdims=True)) + 0 * x.max(axis=-1, keepdims=True)


class SixNormUnderflows(UnitLength):
    """Divides by the 6-norm, whose powers vanish long before the values do."""

    def _length(self, x):
        powers = np.abs(x) ** 6
        length = powers.sum(axis=-1, keepdims=True) ** x.dtype.type(1 / 6)
        return np.where(np.abs(x).max(axis=-1, keepdims=True) > 0, length, 1)

    def backward(self, x, z, dz, memory):
        inner = (z * dz).sum(axis=-1, keepdims=True)
        return (dz - np.abs(z) ** 5 * np.sign(z) * inner) / self._length(x)


class SquareRoot:
    """sqrt(|x|), whose slope is infinite at 0."""

    def predict(self, x):
        return np.sqrt(np.abs(x))

    def backward(self, x, z, dz, memory):
        return dz * np.sign(x) / (2 * np.where(z > 0, z, 1))


class LogarithmOfNegative:
    def predict(self, x):
        return np.log(x)

    def backward(self, x, z, dz, memory):
        return dz / x


class Exponential:
    """Infinite where exp is: that is no fault of the layer's."""

    def predict(self, x):
        return np.exp(x)

    def backward(self, x, z, dz, memory):
        return dz * z


class Sinc:
    """sin(x) / x, with its limit at 0."""

    def predict(self, x):
        safe = np.where(x == 0, 1, x)
        return np.where(x == 0, 1, np.sin(safe) / safe)

    def backward(self, x, z, dz, memory):
        safe = np.where(np.abs(x) < 1e-3, 1, x)
        far = (np.cos(safe) - np.sin(safe) / safe) / safe
        return dz * np.where(np.abs(x) < 1e-3, -x / 3 + x**3 / 30, far)


class SincAtZero(Sinc):
    def predict(self, x):
        return np.sin(x) / x

    def backward(self, x, z, dz, memory):
        return dz * (np.cos(x) - np.sin(x) / x) / x


class SpoilsTheBatchWithNan:
    """Rejects the whole batch where one observation is not finite."""

    def predict(self, x):
        return np.tanh(x) if np.isfinite(x).all() else np.full_like(x, np.nan)

    def backward(self, x, z, dz, memory):
        return dz * (1 - z**2)


class SelectsByMultiplication:
    """Picks rows with a matrix of zeros and ones, and 0 times NaN is NaN."""

    def predict(self, x):
        return np.eye(len(x), dtype=x.dtype) @ x

    def backward(self, x, z, dz, memory):
        return dz.copy()


class CodesThePositionInTheBatch:
    """Adds a position code along B instead of T."""

    def predict(self, x):
        code = np.sin(np.arange(len(x)) + 1.0).astype(x.dtype)
        return x + code.reshape(-1, *([1] * (x.ndim - 1)))

    def backward(self, x, z, dz, memory):
        return dz.copy()


class LeaksInBackward:
    """Centres the gradient over the batch."""

    def predict(self, x):
        return np.tanh(x)

    def backward(self, x, z, dz, memory):
        dx = dz * (1 - z**2)
        return dx - dx.mean(axis=0)


class PositionalTable:
    """Knows five positions."""

    learnables = ("table",)

    def __init__(self):
        self.table = normal(5, 1)

    def predict(self, x):
        return x + self.table

    def backward(self, x, z, dz, memory):
        return dz.copy(), dz.sum(axis=(0, 2))[:, None]


class CachesInHalfPrecision:
    """Saves memory in float32 by keeping the activation in float16."""

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        z = np.tanh(x)
        kept = z.astype(np.float16) if z.dtype == np.float32 else z
        return z, kept

    def backward(self, x, z, dz, memory):
        return dz * (1 - memory.astype(dz.dtype) ** 2)


class PredictHasATypo:
    def predict(self, x):
        return np.tanh(z)  # noqa: F821

    def forward(self, x):
        z = np.tanh(x)
        return z, z

    def backward(self, x, z, dz, memory):
        return dz * (1 - memory**2)


class ForwardHasATypo(PredictHasATypo):
    def predict(self, x):
        return np.tanh(x)

    def forward(self, x):
        return np.tanh(x), zz  # noqa: F821


CORRECT = (
    right(UnitLength, "BC:4,6"),
    right(SquareRoot, "BC:4,6"),
    right(Exponential, "BC:4,6"),
    right(Sinc, "BC:4,6"),
    right(LogarithmOfNegative, "BC:4,6", range=(0.5, 8.0), name="fragile.Logarithm in its range"),
    right(PositionalTable, "BTC:3,5,4"),
)

BROKEN = (
    wrong(UnitLengthDividesByZero, "BC:4,6", fails="numerics.zeros"),
    wrong(SixNormUnderflows, "BC:4,6", fails="numerics.tiny_values"),
    wrong(LogarithmOfNegative, "BC:4,6", fails="numerics.finite"),
    wrong(SincAtZero, "BC:4,6", fails="numerics.zeros"),
    wrong(SpoilsTheBatchWithNan, "BC:4,6", fails="numerics.nan_contained"),
    wrong(SelectsByMultiplication, "BC:4,6", fails="numerics.nan_contained"),
    wrong(
        CodesThePositionInTheBatch,
        "BTC:4,5,3",
        fails="batch.observations_independent batch.permutation",
    ),
    wrong(LeaksInBackward, "BC:4,6", fails="gradients.input:x batch.input_gradients_independent"),
    wrong(
        PositionalTable,
        "BTC:3,?,4",
        name="fragile.PositionalTable of any length",
        fails="shapes.unknown_sizes",
    ),
    wrong(CachesInHalfPrecision, "BC:4,6", fails="dtypes.low_precision"),
    wrong(PredictHasATypo, "BC:4,6", fails="shapes.predict"),
    wrong(ForwardHasATypo, "BC:4,6", fails="shapes.forward"),
)
