"""Softmax, its logarithm, and layers that compare vectors."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


class Softmax:
    """Over the channels, wherever C is."""

    def initialize(self, layout):
        self.axis = layout.find("C")

    def predict(self, x):
        return softmax(x, self.axis)

    def inner(self, p, dz):
        return (p * dz).sum(axis=self.axis, keepdims=True)

    def backward(self, x, z, dz, memory):
        return z * (dz - self.inner(z, dz))


class SoftmaxDiagonal(Softmax):
    def backward(self, x, z, dz, memory):
        return dz * z * (1 - z)


class SoftmaxElementwise(Softmax):
    def inner(self, p, dz):
        return 0


class SoftmaxPassesUpstream(Softmax):
    def backward(self, x, z, dz, memory):
        return dz.copy()


class SoftmaxBatchMean(Softmax):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory) / x.shape[-1]


class SoftmaxSumsBatch(Softmax):
    def inner(self, p, dz):
        return (p * dz).sum(axis=-1, keepdims=True)


class SoftmaxUnweighted(Softmax):
    def inner(self, p, dz):
        return dz.sum(axis=self.axis, keepdims=True)


class SoftmaxTransposed(Softmax):
    """p_i (delta_ij - p_i): the Jacobian built from columns."""

    def backward(self, x, z, dz, memory):
        return z * dz - (z**2) * dz.sum(axis=self.axis, keepdims=True)


class SoftmaxEditsMemory(Softmax):
    """Multiplies the cached output in place."""

    def forward(self, x):
        p = softmax(x, self.axis)
        return p.copy(), p

    def backward(self, x, z, dz, memory):
        inner = self.inner(memory, dz)
        memory *= dz - inner
        return memory.copy()


class LogSoftmax(Softmax):
    def predict(self, x):
        shifted = x - x.max(axis=self.axis, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True))

    def backward(self, x, z, dz, memory):
        return dz - np.exp(z) * dz.sum(axis=self.axis, keepdims=True)


class LogSoftmaxWithoutSum(LogSoftmax):
    def backward(self, x, z, dz, memory):
        return dz - np.exp(z) * dz


class LogSoftmaxOfLoss(LogSoftmax):
    def backward(self, x, z, dz, memory):
        return dz - np.exp(z)


class LogSoftmaxMean(LogSoftmax):
    def backward(self, x, z, dz, memory):
        return dz - np.exp(z) * dz.mean(axis=self.axis, keepdims=True)


class LogSoftmaxShift(LogSoftmax):
    def backward(self, x, z, dz, memory):
        return dz - dz.sum(axis=self.axis, keepdims=True) / x.shape[self.axis]


class CosineSimilarity:
    """cos(x, y) along C for each observation of CB."""

    def predict(self, x, y):
        return (x * y).sum(axis=0) / (self.length(x) * self.length(y))

    def output_layout(self, x, y):
        return f"B:{x.size[1]}"

    def length(self, x):
        return np.sqrt((x**2).sum(axis=0))

    def towards(self, x, y, z, dz):
        return dz * (y / (self.length(x) * self.length(y)) - z * x / self.length(x) ** 2)

    def backward(self, x, y, z, dz, memory):
        return self.towards(x, y, z, dz), self.towards(y, x, z, dz)


class CosineSimilarityLengthFixed(CosineSimilarity):
    def towards(self, x, y, z, dz):
        return dz * y / (self.length(x) * self.length(y))


class CosineSimilaritySwapped(CosineSimilarity):
    def backward(self, x, y, z, dz, memory):
        return super().backward(x, y, z, dz, memory)[::-1]


class CosineSimilarityWithoutCosine(CosineSimilarity):
    def backward(self, x, y, z, dz, memory):
        return self.towards(x, y, z, dz), self.towards(y, x, np.ones_like(z), dz)


class Distance:
    """The Euclidean distance of x and y along C."""

    def predict(self, x, y):
        return np.sqrt(((x - y) ** 2).sum(axis=0))

    def output_layout(self, x, y):
        return f"B:{x.size[1]}"

    def backward(self, x, y, z, dz, memory):
        dx = dz * (x - y) / z
        return dx, -dx


class DistanceSameSign(Distance):
    def backward(self, x, y, z, dz, memory):
        dx = dz * (x - y) / z
        return dx, dx.copy()


class DistanceSquared(Distance):
    def backward(self, x, y, z, dz, memory):
        dx = 2 * dz * (x - y)
        return dx, -dx


class DistanceTwice(Distance):
    def backward(self, x, y, z, dz, memory):
        dx = 2 * dz * (x - y) / z
        return dx, -dx


IMAGES = ("SCB:3,5,7",)
TWO = ("CB:5,7", "CB:5,7")
REAL = "SSCB:24,24,20,128"
X, Y = "input:x", "input:y"

SOFTMAX = right(Softmax, *IMAGES, full=REAL)
LOG_SOFTMAX = right(LogSoftmax, *IMAGES, full=REAL)
COSINE = right(CosineSimilarity, *TWO, full=("CB:240,512", "CB:240,512"))
DISTANCE = right(Distance, *TWO, full=("CB:240,512", "CB:240,512"))
CORRECT = (SOFTMAX, LOG_SOFTMAX, COSINE, DISTANCE)

BUGS = (
    wrong(SOFTMAX, SoftmaxDiagonal, "The sigmoid's p (1 - p).", {X: "missing-term"}, full=True),
    wrong(SOFTMAX, SoftmaxElementwise, "The sum is taken for a constant.", {X: "missing-term"}),
    wrong(
        SOFTMAX,
        SoftmaxPassesUpstream,
        "Meant for the loss p - y.",
        {X: "missing-factor missing-term"},
    ),
    wrong(SOFTMAX, SoftmaxBatchMean, "Averages over the batch.", {X: "mean-instead-of-sum"}),
    wrong(
        SOFTMAX,
        SoftmaxSumsBatch,
        "The inner sum runs over the batch.",
        {X: "wrong-axis batch-leak"},
        full=True,
    ),
    wrong(
        SOFTMAX,
        SoftmaxUnweighted,
        "p is missing in the inner sum.",
        {X: "missing-factor missing-term"},
    ),
    wrong(
        SOFTMAX,
        SoftmaxTransposed,
        "p_i for p_j: not symmetric.",
        {X: "transposed missing-factor missing-term"},
    ),
    wrong(
        SOFTMAX,
        SoftmaxEditsMemory,
        "The cache is used up by the first backward.",
        {},
        also="repeatable",
    ),
    wrong(
        LOG_SOFTMAX,
        LogSoftmaxWithoutSum,
        "The sum of dz is missing.",
        {X: "missing-sum missing-term"},
    ),
    wrong(
        LOG_SOFTMAX,
        LogSoftmaxOfLoss,
        "dz - p fits one loss only.",
        {X: "missing-upstream-gradient upstream-nonlinear"},
        also="linear_in_upstream",
        full=True,
    ),
    wrong(
        LOG_SOFTMAX,
        LogSoftmaxMean,
        "mean for sum in the second term.",
        {X: "missing-term mean-instead-of-sum"},
    ),
    wrong(
        LOG_SOFTMAX,
        LogSoftmaxShift,
        "1/C for p.",
        {X: "missing-term missing-factor"},
    ),
    wrong(
        COSINE,
        CosineSimilarityLengthFixed,
        "The lengths are taken for constants.",
        {X: "missing-term", Y: "missing-term"},
    ),
    wrong(
        COSINE,
        CosineSimilaritySwapped,
        "dy comes first.",
        {X: "swapped-with", Y: "swapped-with"},
    ),
    wrong(
        COSINE,
        CosineSimilarityWithoutCosine,
        "The cosine is missing in the second term.",
        {Y: "missing-factor missing-term"},
    ),
    wrong(DISTANCE, DistanceSameSign, "dy = dx.", {Y: "sign-flipped swapped-with"}),
    wrong(
        DISTANCE,
        DistanceSquared,
        "The root is not derived.",
        {X: "missing-factor", Y: "missing-factor"},
    ),
    wrong(
        DISTANCE,
        DistanceTwice,
        "The 2 of the square without the 1/2 of the root.",
        {X: "constant-factor", Y: "constant-factor"},
    ),
)
