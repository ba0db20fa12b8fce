"""Layers that pick: random masks, integer indices, positions between pixels."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class Dropout:
    """In training a mask drawn from the layer's own generator, and nothing in predict."""

    keep = 0.75

    def __init__(self):
        self.rng = np.random.default_rng(5)

    def predict(self, x):
        return x.copy()

    def draw(self, x):
        return (self.rng.random(x.shape) < self.keep).astype(x.dtype) / self.keep

    def forward(self, x):
        mask = self.draw(x)
        return x * mask, mask

    def backward(self, x, z, dz, mask):
        return dz * mask


class DropoutWithoutScale(Dropout):
    def backward(self, x, z, dz, mask):
        return dz * (mask > 0)


class DropoutScaleTwice(Dropout):
    def backward(self, x, z, dz, mask):
        return dz * mask / self.keep


class DropoutPassesEverything(Dropout):
    def backward(self, x, z, dz, mask):
        return dz / self.keep


class DropoutNewMask(Dropout):
    def backward(self, x, z, dz, mask):
        return dz * self.draw(x)


class GaussianNoise(Dropout):
    """x times a random factor, and a learnt strength."""

    learnables = ("strength",)

    def __init__(self):
        super().__init__()
        self.strength = np.array(0.4)

    def forward(self, x):
        noise = self.rng.standard_normal(x.shape).astype(x.dtype)
        return x * (1 + self.strength * noise), noise

    def backward(self, x, z, dz, noise):
        return dz * (1 + self.strength * noise), np.asarray((dz * x * noise).sum())


class GaussianNoiseStrengthWithoutNoise(GaussianNoise):
    def backward(self, x, z, dz, noise):
        dx, _ = super().backward(x, z, dz, noise)
        return dx, np.asarray((dz * x).sum())


class GaussianNoiseOnlyNoise(GaussianNoise):
    def backward(self, x, z, dz, noise):
        _, dstrength = super().backward(x, z, dz, noise)
        return dz * self.strength * noise, dstrength


class Embedding:
    """A row of W for each integer of TB; rows are repeated."""

    learnables = ("W",)

    def __init__(self):
        self.W = normal(9, 4)

    def predict(self, index):
        return self.W[index]

    def output_layout(self, layout):
        return f"TBC:{layout.size[0]},{layout.size[1]},4"

    def total(self, index, dz):
        dW = np.zeros_like(self.W)
        np.add.at(dW, index, dz)
        return dW

    def backward(self, index, z, dz, memory):
        return None, self.total(index, dz)


class EmbeddingOverwrites(Embedding):
    def total(self, index, dz):
        dW = np.zeros_like(self.W)
        dW[index] = dz
        return dW


class EmbeddingNextRow(Embedding):
    def total(self, index, dz):
        return super().total((index + 1) % len(self.W), dz)


class EmbeddingMeanOfRepeats(Embedding):
    def total(self, index, dz):
        counts = np.bincount(index.ravel(), minlength=len(self.W))
        return super().total(index, dz) / np.maximum(counts, 1)[:, None].astype(dz.dtype)


class EmbeddingWithoutPadding(Embedding):
    """Takes index 0 for padding, which forward does not."""

    def total(self, index, dz):
        dW = super().total(index, dz)
        dW[0] = 0
        return dW


class Interpolation:
    """x of CB read at positions p between its rows: p of UB in units of the distance of rows."""

    def split(self, x, p):
        low = np.clip(np.floor(p), 0, len(x) - 2)
        return low.astype(int), p - low

    def read(self, x, rows):
        return np.take_along_axis(x, rows, axis=0)

    def predict(self, x, p):
        low, part = self.split(x, p)
        return (1 - part) * self.read(x, low) + part * self.read(x, low + 1)

    def output_layout(self, x, p):
        return p

    def shares(self, part, dz):
        return (1 - part) * dz, part * dz

    def dp(self, x, low, dz):
        return dz * (self.read(x, low + 1) - self.read(x, low))

    def backward(self, x, p, z, dz, memory):
        low, part = self.split(x, p)
        columns = np.arange(x.shape[1])[None]
        dx = np.zeros_like(x)
        for rows, share in zip((low, low + 1), self.shares(part, dz), strict=True):
            np.add.at(dx, (rows, columns), share)
        return dx, self.dp(x, low, dz)


class InterpolationNearest(Interpolation):
    def shares(self, part, dz):
        return dz * (part < 0.5), dz * (part >= 0.5)


class InterpolationSharesExchanged(Interpolation):
    def shares(self, part, dz):
        return super().shares(part, dz)[::-1]


class InterpolationFixedPositions(Interpolation):
    def dp(self, x, low, dz):
        return np.zeros_like(dz)


class InterpolationDownhill(Interpolation):
    def dp(self, x, low, dz):
        return -super().dp(x, low, dz)


SMALL = ("CB:5,7",)
REAL = "SSCB:24,24,20,128"
X, W, P = "input:x", "learnable:W", "input:p"

DROPOUT = right(Dropout, *SMALL, full=REAL)
NOISE = right(GaussianNoise, *SMALL)
EMBEDDING = right(Embedding, "TB:5,6", integers=(0, 9), full="TB:60,512")
INTERPOLATION = right(Interpolation, "CB:5,7", "UB:4,7", range={"p": (0.0, 4.0)})
CORRECT = (DROPOUT, NOISE, EMBEDDING, INTERPOLATION)

BUGS = (
    wrong(DROPOUT, DropoutWithoutScale, "1/keep is lost.", {X: "constant-factor"}),
    wrong(DROPOUT, DropoutScaleTwice, "1/keep is applied twice.", {X: "constant-factor"}),
    wrong(
        DROPOUT,
        DropoutPassesEverything,
        "The mask is not applied.",
        {X: "missing-factor wrong-region"},
    ),
    wrong(
        DROPOUT,
        DropoutNewMask,
        "Backward draws a mask of its own.",
        {X: "nondeterministic missing-factor wrong-region"},
        also="repeatable",
        full=True,
    ),
    wrong(
        NOISE,
        GaussianNoiseStrengthWithoutNoise,
        "The noise is missing.",
        {"learnable:strength": "missing-factor"},
    ),
    wrong(NOISE, GaussianNoiseOnlyNoise, "The 1 of 1 + noise is missing.", {X: "missing-term"}),
    wrong(
        EMBEDDING,
        EmbeddingOverwrites,
        "= for +=: of a repeated index one occurrence counts.",
        {W: "missing-sum"},
        full=True,
    ),
    wrong(EMBEDDING, EmbeddingNextRow, "Indices counted from 1.", {W: "shifted"}),
    wrong(
        EMBEDDING,
        EmbeddingMeanOfRepeats,
        "Averages over the occurrences.",
        {W: "mean-instead-of-sum missing-factor constant-factor"},
    ),
    wrong(EMBEDDING, EmbeddingWithoutPadding, "Row 0 gets nothing.", {W: "wrong-region"}),
    wrong(
        INTERPOLATION,
        InterpolationNearest,
        "The backward of reading the nearest row.",
        {X: "missing-factor missing-term wrong-region"},
    ),
    wrong(
        INTERPOLATION,
        InterpolationSharesExchanged,
        "The shares of the two neighbours are exchanged.",
        {X: "permuted missing-factor"},
    ),
    wrong(
        INTERPOLATION, InterpolationFixedPositions, "Positions get nothing.", {P: "zero-gradient"}
    ),
    wrong(INTERPOLATION, InterpolationDownhill, "low - high for high - low.", {P: "sign-flipped"}),
)
