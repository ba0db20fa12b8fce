"""Gradients of an elementwise layer that other checkers pass because of size, scale or sign.

Their tolerances grow with the number of elements, or are absolute, or their directions are
positive; the sizes here are those at which they were seen to fail.
"""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import wrong

N_100 = "SSCB:5,4,5,1"
N_500 = "SSCB:5,5,5,4"
N_1000 = "SSCB:10,10,5,2"
N_5000 = "SSCB:10,10,10,5"
N_10_000 = "SSCB:10,10,20,5"
N_100_000 = "SSCB:20,25,20,10"
N_262_144 = "SSCB:32,32,16,16"
FULL = "SSCB:24,24,20,128"
ONLY = ("gradients",)
X = "gradients.input:x"
NOT_LINEAR = f"{X} gradients.linear_in_upstream"


class Sine:
    """The layer that the others spoil."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def predict(self, x):
        return self.scale * np.sin(x)

    def backward(self, x, z, dz, memory):
        return self.spoilt(x, self.scale * dz * np.cos(x), dz)

    def spoilt(self, x, dx, dz):
        return dx


class Times(Sine):
    """Everything by a constant factor."""

    def __init__(self, factor, scale=1.0):
        super().__init__(scale)
        self.factor = factor

    def spoilt(self, x, dx, dz):
        return self.factor * dx


class OneElement(Times):
    """The element in the middle by a constant factor."""

    def spoilt(self, x, dx, dz):
        dx.flat[dx.size // 2] *= self.factor
        return dx


class DeliveredFlipped(Sine):
    """Every gradient goes to the element at the other end of one axis."""

    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def spoilt(self, x, dx, dz):
        return np.ascontiguousarray(np.flip(dx, self.axis))


class TakenFlipped(DeliveredFlipped):
    """The derivative is that of the element at the other end."""

    def spoilt(self, x, dx, dz):
        return dz * np.flip(np.cos(x), self.axis)


class NextObservation(Sine):
    """Every observation gets the gradient of the one before."""

    def spoilt(self, x, dx, dz):
        return np.roll(dx, 1, axis=-1)


class Neighbour(Sine):
    """The derivative is that of the next element."""

    def spoilt(self, x, dx, dz):
        return dz * np.cos(np.roll(x, 1, axis=0))


class OppositeErrors(Sine):
    """Neighbours are wrong by as much in opposite directions: their sum is right."""

    def spoilt(self, x, dx, dz):
        half = dx.shape[0] // 2
        error = dx[:half] / 2
        dx[:half] += error
        dx[half : 2 * half] -= error
        return dx


class WithoutUpstream(Sine):
    def spoilt(self, x, dx, dz):
        return np.cos(x)


class UpstreamOfOnes(Sine):
    """The upstream gradient has been replaced by ones, as a gradient of the sum has it."""

    def spoilt(self, x, dx, dz):
        return np.cos(x) * np.ones_like(dz)


class OtherForward(Sine):
    """The training pass returns something else than predict."""

    def forward(self, x):
        return self.predict(x) + 0.9, None


class SlopeOnlyWhereSmall(Sine):
    """The right branch for the values that a test draws by habit."""

    def spoilt(self, x, dx, dz):
        return np.where(np.abs(x) > 3, 0, dx)


class UnevenScales:
    """Elements of very different scales; the gradient of a small one is doubled."""

    def scales(self, x):
        return 10.0 ** -np.arange(x.shape[0]).reshape(-1, *(1,) * (x.ndim - 1))

    def predict(self, x):
        return (self.scales(x) * x).astype(x.dtype)

    def backward(self, x, z, dz, memory):
        dx = (self.scales(x) * dz).astype(dz.dtype)
        dx[-1].flat[0] *= 2
        return dx


def spoilt(layer, layout, name, fails=X, only=ONLY, **arguments):
    """An entry in float64, unless `dtypes` says otherwise."""
    arguments.setdefault("dtypes", ("float64",))
    return wrong(layer, layout, fails=fails, name=name, only=only, **arguments)


def times(factor, layout, name, scale=1.0, **options):
    init = {"factor": factor, "scale": scale}
    return spoilt(Times, layout, name, init=init, **options)


def one(factor, layout, name, **options):
    return spoilt(OneElement, layout, name, init={"factor": factor}, **options)


QUICK = (
    times(0.0, N_500, "zero at 500 in float32", dtypes=("float32",)),
    times(0.0, N_10_000, "zero at 10,000"),
    times(1.3, N_1000, "1.3 times at 1,000"),
    times(-9.0, N_1000, "-9 times"),
    times(-3.0, N_1000, "-3 times at scale 1e-6", scale=1e-6),
    times(-3.0, N_1000, "-3 times at scale 1e-8", scale=1e-8),
    times(-3.0, N_1000, "-3 times at scale 1e+6", scale=1e6),
    times(-3.0, N_1000, "-3 times at scale 1e-4 in float32", scale=1e-4, dtypes=("float32",)),
    one(1.1, N_100, "one element 1.1 times at 100"),
    one(2.0, N_1000, "one element doubled at 1,000"),
    one(10.0, N_1000, "one element 10 times at 1,000"),
    one(1.001, N_10_000, "one element per mille at 10,000"),
    one(1.001, N_100, "one element per mille in float32", dtypes=("float32",)),
    *(
        spoilt(DeliveredFlipped, N_1000, f"flipped along axis {axis}", init={"axis": axis})
        for axis in range(4)
    ),
    spoilt(WithoutUpstream, N_10_000, "without upstream", fails=NOT_LINEAR),
    spoilt(UpstreamOfOnes, N_10_000, "upstream of ones", fails=NOT_LINEAR),
    spoilt(SlopeOnlyWhereSmall, N_1000, "branch beyond 3"),
    spoilt(UnevenScales, "CB:9,4", "small entry doubled"),
    spoilt(
        OtherForward,
        N_100_000,
        "other forward at 100,000",
        fails="shapes.forward_matches_predict",
        only=("gradients", "shapes"),
    ),
)
LARGE = (
    times(-1.0, N_10_000, "negated at 10,000"),
    times(1.1, N_10_000, "tenth more at 10,000"),
    times(2.0, N_10_000, "doubled at 10,000"),
    times(-5.0, N_5000, "-5 times at 5,000"),
    one(100.0, N_10_000, "one element 100 times at 10,000"),
    spoilt(Neighbour, N_10_000, "derivative of the neighbour"),
    spoilt(OppositeErrors, N_10_000, "opposite errors"),
    spoilt(NextObservation, N_10_000, "next observation"),
    spoilt(DeliveredFlipped, N_5000, "delivered flipped at 5,000", init={"axis": 0}),
    spoilt(TakenFlipped, N_5000, "taken flipped at 5,000", init={"axis": 0}),
    times(0.0, N_100_000, "zero at 100,000"),
    times(0.0, N_262_144, "zero at 262,144"),
    times(0.0, FULL, "zero at 1,474,560"),
    times(-1.0, FULL, "negated at 1,474,560"),
    times(1.1, FULL, "tenth more at 1,474,560"),
    times(2.0, FULL, "doubled at 1,474,560"),
    one(1.1, N_100_000, "one element 1.1 times at 100,000"),
    one(1000.0, N_100_000, "one element 1,000 times at 100,000"),
    one(1.001, FULL, "one element per mille at 1,474,560"),
    one(1.001, FULL, "one element per mille at 1,474,560 in float32", dtypes=("float32",)),
    spoilt(DeliveredFlipped, FULL, "delivered flipped at 1,474,560", init={"axis": 0}),
    spoilt(TakenFlipped, FULL, "taken flipped at 1,474,560", init={"axis": 0}),
    spoilt(NextObservation, FULL, "next observation at 1,474,560"),
    spoilt(Neighbour, FULL, "derivative of the neighbour at 1,474,560"),
    spoilt(OppositeErrors, FULL, "opposite errors at 1,474,560"),
    times(-3.0, FULL, "-3 times at scale 1e-6 at 1,474,560", scale=1e-6),
    times(-3.0, FULL, "-3 times at scale 1e+6 at 1,474,560", scale=1e6),
)
