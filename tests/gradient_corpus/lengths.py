"""Normalisation by length: root mean square and Euclidean; and what is wrong with the norms."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus import norms as n
from tests.gradient_corpus.entry import right, wrong


class RMSNorm:
    """z = g x / rms(x) along C of features CB."""

    learnables = ("g",)

    def __init__(self):
        self.g = None

    def initialize(self, layout):
        if self.g is None:
            self.g = layout.along("C", np.linspace(0.5, 1.5, layout.size[0]))

    def rms(self, x):
        return np.sqrt((x**2).mean(axis=0, keepdims=True) + 1e-6)

    def predict(self, x):
        return self.g * x / self.rms(x)

    def along(self, dxn, xn):
        return xn * (dxn * xn).mean(axis=0, keepdims=True)

    def backward(self, x, z, dz, memory):
        rms, dxn = self.rms(x), dz * self.g
        dg = (dz * x / rms).sum(axis=1, keepdims=True)
        return (dxn - self.along(dxn, x / rms)) / rms, dg


class RMSNormDetached(RMSNorm):
    def along(self, dxn, xn):
        return 0


class RMSNormSum(RMSNorm):
    def along(self, dxn, xn):
        return xn * (dxn * xn).sum(axis=0, keepdims=True)


class RMSNormPlus(RMSNorm):
    def along(self, dxn, xn):
        return -super().along(dxn, xn)


class RMSNormScaleOfRaw(RMSNorm):
    def backward(self, x, z, dz, memory):
        dx, _ = super().backward(x, z, dz, memory)
        return dx, (dz * x).sum(axis=1, keepdims=True)


class L2Normalise:
    """x divided by its length along C."""

    def length(self, x):
        return np.sqrt((x**2).sum(axis=0, keepdims=True))

    def predict(self, x):
        return x / self.length(x)

    def backward(self, x, z, dz, memory):
        return (dz - z * (z * dz).sum(axis=0, keepdims=True)) / self.length(x)


class L2NormaliseLengthFixed(L2Normalise):
    def backward(self, x, z, dz, memory):
        return dz / self.length(x)


class L2NormaliseWithoutLength(L2Normalise):
    def backward(self, x, z, dz, memory):
        return dz - z * (z * dz).sum(axis=0, keepdims=True)


class L2NormaliseOfInput(L2Normalise):
    def backward(self, x, z, dz, memory):
        return (dz - x * (x * dz).sum(axis=0, keepdims=True)) / self.length(x)


IMAGES = ("SSCB:3,2,6,5",)
SMALL = ("CB:5,7",)
REAL = "SSCB:24,24,20,128"
X, GAMMA, BETA = "input:x", "learnable:gamma", "learnable:beta"
TERM = {X: "missing-term"}

BATCH = right(n.BatchNorm, *IMAGES, full=REAL)
LAYER = right(n.LayerNorm, *IMAGES, full=REAL)
INSTANCE = right(n.InstanceNorm, *IMAGES, full=REAL)
GROUP = right(n.GroupNorm, *IMAGES, full="SSCB:24,24,18,128")
RMS = right(RMSNorm, *SMALL, full="CB:240,512")
L2 = right(L2Normalise, *SMALL, full="CB:240,512")
CORRECT = (BATCH, LAYER, INSTANCE, GROUP, RMS, L2)

BUGS = (
    wrong(
        BATCH, n.BatchNormWithoutMeanPath, "The path through the mean is missing.", TERM, full=True
    ),
    wrong(BATCH, n.BatchNormWithoutVariancePath, "The path through the variance is missing.", TERM),
    wrong(BATCH, n.BatchNormDetached, "Mean and variance are taken for constants.", TERM),
    wrong(BATCH, n.BatchNormHalfVariancePath, "The 2 of the square is lost.", TERM),
    wrong(BATCH, n.BatchNormWithoutGamma, "gamma is not applied to dz.", {X: "missing-factor"}),
    wrong(BATCH, n.BatchNormWithoutStd, "1/std is missing.", {X: "missing-factor constant-factor"}),
    wrong(
        BATCH,
        n.BatchNormOneImage,
        "Means over each image, not over the batch.",
        {X: "wrong-axis missing-term"},
        full=True,
    ),
    wrong(
        BATCH,
        n.BatchNormGammaOfInput,
        "x for the normalised x.",
        {GAMMA: "missing-factor missing-term"},
    ),
    wrong(
        BATCH,
        n.BatchNormGammaOfOutput,
        "z for the normalised x.",
        {GAMMA: "missing-factor missing-term"},
    ),
    wrong(
        BATCH,
        n.BatchNormSwapped,
        "dbeta comes first.",
        {GAMMA: "swapped-with", BETA: "swapped-with"},
    ),
    wrong(
        BATCH,
        n.BatchNormMean,
        "mean for sum.",
        {GAMMA: "mean-instead-of-sum", BETA: "mean-instead-of-sum"},
    ),
    wrong(
        BATCH,
        n.BatchNormBetaWithoutPixels,
        "The sum over the pixels is missing.",
        {BETA: "missing-sum wrong-region"},
    ),
    wrong(
        BATCH,
        n.BatchNormSumsForMeans,
        "The means in dx lack 1/N.",
        {X: "missing-term"},
    ),
    wrong(LAYER, n.LayerNormWithoutMeanPath, "The path through the mean is missing.", TERM),
    wrong(
        LAYER,
        n.LayerNormMeansOverBatch,
        "Batch norm's axes.",
        {X: "wrong-axis batch-leak"},
        full=True,
    ),
    wrong(
        LAYER,
        n.LayerNormGammaLast,
        "gamma is applied after the means.",
        {X: "missing-term missing-factor"},
    ),
    wrong(LAYER, n.LayerNormOnePassVariance, "The path through the variance counts twice.", TERM),
    wrong(
        INSTANCE,
        n.InstanceNormAsBatchNorm,
        "Backward is copied from batch norm.",
        {X: "wrong-axis batch-leak"},
    ),
    wrong(
        INSTANCE, n.InstanceNormWithoutVariancePath, "The variance is taken for a constant.", TERM
    ),
    wrong(
        GROUP,
        n.GroupNormOneGroup,
        "Backward ignores the groups.",
        {X: "wrong-axis missing-term"},
    ),
    wrong(
        GROUP,
        n.GroupNormInterleaved,
        "Groups of every second channel.",
        {X: "wrong-axis missing-term permuted"},
    ),
    wrong(RMS, RMSNormDetached, "The rms is taken for a constant.", TERM),
    wrong(RMS, RMSNormSum, "1/C is missing in the second term.", TERM),
    wrong(RMS, RMSNormPlus, "The second term has the wrong sign.", TERM),
    wrong(
        RMS,
        RMSNormScaleOfRaw,
        "x is not normalised.",
        {"learnable:g": "missing-factor"},
    ),
    wrong(L2, L2NormaliseLengthFixed, "The length is taken for a constant.", TERM),
    wrong(L2, L2NormaliseWithoutLength, "1/length is missing.", {X: "missing-factor"}),
    wrong(L2, L2NormaliseOfInput, "x for z in the projection.", {X: "missing-term missing-factor"}),
)
