"""Sums along an axis, sorting, and the largest few."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong


class CumulativeSum:
    """Sums along T of sequences CTB."""

    def predict(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, x, z, dz, memory):
        return np.cumsum(dz[:, ::-1], axis=1)[:, ::-1].copy()


class CumulativeSumForwards(CumulativeSum):
    def backward(self, x, z, dz, memory):
        return np.cumsum(dz, axis=1)


class CumulativeSumOfDifferences(CumulativeSum):
    def backward(self, x, z, dz, memory):
        return dz.copy()


class CumulativeSumExclusive(CumulativeSum):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory) - dz


class Sort:
    """Ascending along C of features CB."""

    def predict(self, x):
        return np.sort(x, axis=0)

    def backward(self, x, z, dz, memory):
        dx = np.empty_like(x)
        np.put_along_axis(dx, np.argsort(x, axis=0, kind="stable"), dz, axis=0)
        return dx


class SortInverse(Sort):
    def backward(self, x, z, dz, memory):
        return np.take_along_axis(dz, np.argsort(x, axis=0, kind="stable"), axis=0)


class SortPassesUpstream(Sort):
    def backward(self, x, z, dz, memory):
        return dz.copy()


class TopK:
    """The two largest along C, the larger first."""

    def predict(self, x):
        return np.sort(x, axis=0)[:-3:-1].copy()

    def output_layout(self, layout):
        return layout.with_size("C", 2)

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        np.put_along_axis(dx, self.places(x), dz, axis=0)
        return dx

    def places(self, x):
        return np.argsort(x, axis=0, kind="stable")[:-3:-1]


class TopKExchanged(TopK):
    def places(self, x):
        return super().places(x)[::-1]


class TopKOfFirstObservation(TopK):
    def places(self, x):
        places = super().places(x)
        return np.zeros_like(places) + places[:, :1]


SMALL = ("CB:5,7",)
SEQUENCES = ("CTB:3,6,5",)
X = "input:x"
SUMS = right(CumulativeSum, *SEQUENCES, full="CTB:64,180,128")
SORT = right(Sort, *SMALL, full="CB:60,256")
TOP = right(TopK, *SMALL)
CORRECT = (
    SUMS,
    SORT,
    TOP,
)

BUGS = (
    wrong(
        SUMS,
        CumulativeSumForwards,
        "The direction is not turned.",
        {X: "transposed flipped"},
        full=True,
    ),
    wrong(
        SUMS,
        CumulativeSumOfDifferences,
        "Only the step itself counts.",
        {X: "missing-sum missing-term"},
        full=True,
    ),
    wrong(
        SUMS, CumulativeSumExclusive, "The step itself is left out.", {X: "missing-term shifted"}
    ),
    wrong(
        SORT, SortInverse, "The permutation for its inverse.", {X: "permuted transposed"}, full=True
    ),
    wrong(SORT, SortPassesUpstream, "Sorting is ignored.", {X: "permuted"}),
    wrong(TOP, TopKExchanged, "Ascending for descending.", {X: "flipped permuted"}),
    wrong(
        TOP,
        TopKOfFirstObservation,
        "The places of one observation serve the batch.",
        {X: "batch-leak permuted wrong-region"},
    ),
)
