"""Pooling, resizing, sorting and sums along an axis."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong


class MaxPool:
    """The largest of 3x3, a window every 2 pixels: windows overlap. Ties go to the first."""

    def output_layout(self, layout):
        rows, columns = ((n - 3) // 2 + 1 for n in layout.size[:2])
        return layout.with_size(0, rows).with_size(1, columns)

    def windows(self, x):
        rows, columns = ((n - 3) // 2 * 2 + 1 for n in x.shape[:2])
        for i, j in np.ndindex(3, 3):
            yield slice(i, i + rows, 2), slice(j, j + columns, 2)

    def stacked(self, x):
        return np.stack([x[window] for window in self.windows(x)])

    def predict(self, x):
        return self.stacked(x).max(axis=0)

    def share(self, x, z):
        first = self.stacked(x).argmax(axis=0)
        return [first == k for k in range(9)]

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        for window, share in zip(self.windows(x), self.share(x, z), strict=True):
            dx[window] += share * dz
        return dx


class MaxPoolOverwrites(MaxPool):
    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        for window, share in zip(self.windows(x), self.share(x, z), strict=True):
            dx[window] = np.where(share, dz, dx[window])
        return dx


class MaxPoolTiesCountTwice(MaxPool):
    def share(self, x, z):
        return self.stacked(x) == z


class MaxPoolSpreads(MaxPool):
    def share(self, x, z):
        return np.full((9, *z.shape), 1 / 9, x.dtype)


class MaxPoolSmallest(MaxPool):
    def share(self, x, z):
        last = self.stacked(x).argmin(axis=0)
        return [last == k for k in range(9)]


class MaxPoolTransposedWindow(MaxPool):
    def share(self, x, z):
        first = self.stacked(x).argmax(axis=0)
        return [first == 3 * (k % 3) + k // 3 for k in range(9)]


class AveragePool(MaxPool):
    """The mean of 3x3, a window every 2 pixels."""

    def predict(self, x):
        return self.stacked(x).mean(axis=0)

    def share(self, x, z):
        return np.full(9, 1 / 9, x.dtype)


class AveragePoolWithoutCount(AveragePool):
    def share(self, x, z):
        return np.ones(9, x.dtype)


class AveragePoolCentre(AveragePool):
    def share(self, x, z):
        return (np.arange(9) == 4).astype(x.dtype)


class GlobalAverage:
    """The mean over the pixels of images SSCB."""

    def predict(self, x):
        return x.mean(axis=(0, 1))

    def output_layout(self, layout):
        return f"CB:{layout.size[2]},{layout.size[3]}"

    def pixels(self, x):
        return x.shape[0] * x.shape[1]

    def backward(self, x, z, dz, memory):
        return np.zeros_like(x) + dz / self.pixels(x)


class GlobalAverageWithoutCount(GlobalAverage):
    def pixels(self, x):
        return 1


class GlobalAverageBatchToo(GlobalAverage):
    def pixels(self, x):
        return super().pixels(x) * x.shape[3]


class Upsample:
    """Each pixel of images SSCB becomes a block of 2x3."""

    def predict(self, x):
        return x.repeat(2, axis=0).repeat(3, axis=1)

    def output_layout(self, layout):
        return layout.with_size(0, 2 * layout.size[0]).with_size(1, 3 * layout.size[1])

    def blocks(self, x, dz):
        rows, columns, *others = x.shape
        return dz.reshape(rows, 2, columns, 3, *others)

    def backward(self, x, z, dz, memory):
        return self.blocks(x, dz).sum(axis=(1, 3))


class UpsamplePicks(Upsample):
    def backward(self, x, z, dz, memory):
        return dz[::2, ::3].copy()


class UpsampleAverages(Upsample):
    def backward(self, x, z, dz, memory):
        return self.blocks(x, dz).mean(axis=(1, 3))


class UpsampleTiles(Upsample):
    def backward(self, x, z, dz, memory):
        rows, columns, *others = x.shape
        return dz.reshape(2, rows, 3, columns, *others).sum(axis=(0, 2))


IMAGES = ("SSCB:7,6,3,4",)
REAL = "SSCB:24,24,20,128"
X = "input:x"
MAX = right(MaxPool, *IMAGES, full=REAL)
AVERAGE = right(AveragePool, *IMAGES, full=REAL)
GLOBAL = right(GlobalAverage, *IMAGES, full=REAL)
UPSAMPLE = right(Upsample, "SSCB:4,3,5,7", full="SSCB:24,24,20,16")
CORRECT = (
    MAX,
    AVERAGE,
    GLOBAL,
    UPSAMPLE,
)

BUGS = (
    wrong(
        MAX,
        MaxPoolOverwrites,
        "= for +=: where windows overlap the last one wins.",
        {X: "missing-sum missing-term wrong-region"},
    ),
    wrong(
        MAX,
        MaxPoolTiesCountTwice,
        "x == max gives every tie the whole gradient.",
        {X: "one-sided-at-kink"},
        points="grid",
        full=True,
    ),
    wrong(
        MAX,
        MaxPoolSpreads,
        "The backward of average pooling.",
        {X: "missing-factor wrong-region missing-term"},
    ),
    wrong(MAX, MaxPoolSmallest, "argmin for argmax.", {X: "permuted wrong-region"}),
    wrong(
        MAX,
        MaxPoolTransposedWindow,
        "Rows and columns of the window are exchanged.",
        {X: "permuted transposed wrong-region"},
    ),
    wrong(AVERAGE, AveragePoolWithoutCount, "1/9 is lost.", {X: "constant-factor"}),
    wrong(
        AVERAGE,
        AveragePoolCentre,
        "The centre of the window gets everything.",
        {X: "wrong-region missing-term missing-sum"},
    ),
    wrong(
        GLOBAL,
        GlobalAverageWithoutCount,
        "The number of pixels is lost.",
        {X: "constant-factor"},
        full=True,
    ),
    wrong(
        GLOBAL,
        GlobalAverageBatchToo,
        "Divides by the size of x per channel.",
        {X: "mean-instead-of-sum"},
    ),
    wrong(
        UPSAMPLE,
        UpsamplePicks,
        "One of each block instead of the sum.",
        {X: "missing-sum wrong-region"},
    ),
    wrong(UPSAMPLE, UpsampleAverages, "mean for sum.", {X: "constant-factor"}),
    wrong(
        UPSAMPLE,
        UpsampleTiles,
        "Blocks are taken for tiles.",
        {X: "permuted wrong-axis"},
    ),
)
