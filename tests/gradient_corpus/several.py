"""Several inputs and outputs, and branches that meet again."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class WeightedAddition:
    """w1 x + w2 y with scalar weights."""

    learnables = ("w1", "w2")

    def __init__(self):
        self.w1 = np.array(0.7)
        self.w2 = np.array(-1.3)

    def predict(self, x, y):
        return self.w1 * x + self.w2 * y

    def backward(self, x, y, z, dz, memory):
        return self.w1 * dz, self.w2 * dz, np.asarray((x * dz).sum()), np.asarray((y * dz).sum())


class WeightedAdditionSwapsWeights(WeightedAddition):
    def backward(self, x, y, z, dz, memory):
        dx, dy, dw1, dw2 = super().backward(x, y, z, dz, memory)
        return dx, dy, dw2, dw1


class WeightedAdditionOneWeight(WeightedAddition):
    def backward(self, x, y, z, dz, memory):
        dx, _, dw1, dw2 = super().backward(x, y, z, dz, memory)
        return dx, dx.copy(), dw1, dw2


class WeightedAdditionWithoutWeights(WeightedAddition):
    def backward(self, x, y, z, dz, memory):
        _, _, dw1, dw2 = super().backward(x, y, z, dz, memory)
        return dz.copy(), dz.copy(), dw1, dw2


class WeightedAdditionFirstElement(WeightedAddition):
    def backward(self, x, y, z, dz, memory):
        dx, dy, _, dw2 = super().backward(x, y, z, dz, memory)
        return dx, dy, np.asarray((x * dz).ravel()[0]), dw2


class Concatenate:
    """x and y one after the other along C of images SCB."""

    def predict(self, x, y):
        return np.concatenate([x, y], axis=1)

    def output_layout(self, x, y):
        return x.with_size("C", x.size[1] + y.size[1])

    def backward(self, x, y, z, dz, memory):
        n = x.shape[1]
        return dz[:, :n].copy(), dz[:, n:].copy()


class ConcatenateSwapped(Concatenate):
    def backward(self, x, y, z, dz, memory):
        return super().backward(x, y, z, dz, memory)[::-1]


class ConcatenateBothFirst(Concatenate):
    def backward(self, x, y, z, dz, memory):
        dx, _ = super().backward(x, y, z, dz, memory)
        return dx, dx.copy()


class ConcatenateInterleaved(Concatenate):
    def backward(self, x, y, z, dz, memory):
        return dz[:, ::2].copy(), dz[:, 1::2].copy()


class SumAndDifference:
    """Two outputs: x + y and x - y."""

    output_names = ("total", "rest")

    def predict(self, x, y):
        return x + y, x - y

    def backward(self, x, y, total, rest, dtotal, drest, memory):
        return dtotal + drest, dtotal - drest


class SumAndDifferenceFirstOutput(SumAndDifference):
    def backward(self, x, y, total, rest, dtotal, drest, memory):
        return dtotal.copy(), dtotal.copy()


class SumAndDifferenceSign(SumAndDifference):
    def backward(self, x, y, total, rest, dtotal, drest, memory):
        return dtotal + drest, dtotal + drest


class Split:
    """Tanh of the first half of the channels, and the square of the second."""

    output_names = ("a", "b")

    def predict(self, x):
        n = len(x) // 2
        return np.tanh(x[:n]), x[n:] ** 2

    def backward(self, x, a, b, da, db, memory):
        return np.concatenate([da * (1 - a**2), 2 * db * x[len(x) // 2 :]])


class SplitForgetsSecond(Split):
    def backward(self, x, a, b, da, db, memory):
        dx = super().backward(x, a, b, da, db, memory)
        dx[len(x) // 2 :] = 0
        return dx


class SplitOutputsSwapped(Split):
    def backward(self, x, a, b, da, db, memory):
        return super().backward(x, a, b, db, da, memory)


class Residual:
    """x + W relu(x): a branch around a ReLU and a dense layer."""

    learnables = ("W",)

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(layout.size[0], layout.size[0])

    def predict(self, x):
        return x + self.W @ np.maximum(x, 0)

    def through_branch(self, x, dz):
        return (self.W.T @ dz) * (x > 0)

    def backward(self, x, z, dz, memory):
        return dz + self.through_branch(x, dz), dz @ np.maximum(x, 0).T


class ResidualWithoutShortcut(Residual):
    def backward(self, x, z, dz, memory):
        return self.through_branch(x, dz), dz @ np.maximum(x, 0).T


class ResidualShortcutOnly(Residual):
    def through_branch(self, x, dz):
        return 0


class ResidualEditsUpstream(Residual):
    """The branch masks dz in place before the shortcut reads it."""

    def backward(self, x, z, dz, memory):
        dW = dz @ np.maximum(x, 0).T
        branch = self.through_branch(x, dz)
        dz *= x > 0
        return dz + branch, dW


class ResidualEditsInput(Residual):
    """The branch rectifies x in place, as `out=x` does."""

    def backward(self, x, z, dz, memory):
        dx = dz + self.through_branch(x, dz)
        np.maximum(x, 0, out=x)
        return dx, dz @ x.T


class Multiply:
    """x y, element by element."""

    def predict(self, x, y):
        return x * y

    def backward(self, x, y, z, dz, memory):
        return dz * y, dz * x


class MultiplySwapped(Multiply):
    def backward(self, x, y, z, dz, memory):
        return dz * x, dz * y


class MultiplyPassesUpstream(Multiply):
    def backward(self, x, y, z, dz, memory):
        return dz * y, dz.copy()


class MultiplyWritesIntoInput(Multiply):
    """Puts dx into the memory of x, and then reads x."""

    def backward(self, x, y, z, dz, memory):
        dx = np.multiply(dz, y, out=x)
        return dx, dz * x


TWO = ("CB:5,7", "CB:5,7")
SEQUENCES = ("SCB:3,4,7", "SCB:3,4,7")
REAL = ("SSCB:24,24,20,128", "SSCB:24,24,20,128")
X, Y = "input:x", "input:y"
SWAPPED = {X: "swapped-with", Y: "swapped-with"}

ADDITION = right(WeightedAddition, *TWO, full=REAL)
CONCATENATE = right(Concatenate, *SEQUENCES, full=("SCB:64,80,128", "SCB:64,80,128"))
TWO_OUTPUTS = right(SumAndDifference, *TWO, full=REAL)
HALVES = right(Split, "CB:6,7", full="CB:240,512")
RESIDUAL = right(Residual, "CB:5,7", full="CB:240,512")
PRODUCT = right(Multiply, *TWO, full=REAL)
CORRECT = (ADDITION, CONCATENATE, TWO_OUTPUTS, HALVES, RESIDUAL, PRODUCT)

BUGS = (
    wrong(
        ADDITION,
        WeightedAdditionSwapsWeights,
        "dw2 comes first.",
        {"learnable:w1": "swapped-with", "learnable:w2": "swapped-with"},
    ),
    wrong(ADDITION, WeightedAdditionOneWeight, "dy = dx.", {Y: "swapped-with constant-factor"}),
    wrong(
        ADDITION,
        WeightedAdditionWithoutWeights,
        "A plain addition's backward.",
        {X: "missing-factor constant-factor", Y: "missing-factor constant-factor"},
    ),
    wrong(
        ADDITION,
        WeightedAdditionFirstElement,
        "The broadcast is not summed back.",
        {"learnable:w1": "missing-broadcast-reduction missing-sum wrong-region"},
        full=True,
    ),
    wrong(CONCATENATE, ConcatenateSwapped, "dy comes first.", SWAPPED),
    wrong(CONCATENATE, ConcatenateBothFirst, "The offset of y is 0.", {Y: "swapped-with shifted"}),
    wrong(
        CONCATENATE,
        ConcatenateInterleaved,
        "Every second channel, where halves were meant.",
        {X: "permuted", Y: "permuted"},
    ),
    wrong(
        TWO_OUTPUTS,
        SumAndDifferenceFirstOutput,
        "The second output's gradient is not used.",
        {X: "missing-term wrong-region", Y: "missing-term wrong-region"},
        full=True,
    ),
    wrong(
        TWO_OUTPUTS,
        SumAndDifferenceSign,
        "The minus of y is forgotten.",
        {Y: "swapped-with sign-flipped wrong-region"},
    ),
    wrong(HALVES, SplitForgetsSecond, "The second output is forgotten.", {X: "wrong-region"}),
    wrong(
        HALVES,
        SplitOutputsSwapped,
        "Upstream gradients in the other order.",
        {X: "permuted swapped-with shifted"},
    ),
    wrong(RESIDUAL, ResidualWithoutShortcut, "The shortcut is lost.", {X: "missing-term"}),
    wrong(RESIDUAL, ResidualShortcutOnly, "The branch is lost.", {X: "missing-term"}),
    wrong(
        RESIDUAL,
        ResidualEditsUpstream,
        "ReLU edits dz before the shortcut reads it.",
        {X: "mutates-upstream wrong-region"},
        also="purity.upstream_unchanged",
        full=True,
    ),
    wrong(
        RESIDUAL,
        ResidualEditsInput,
        "Backward writes into x, which belongs to the caller.",
        {"purity.inputs_unchanged": "mutates-input"},
        full=True,
    ),
    wrong(PRODUCT, MultiplySwapped, "x for y.", SWAPPED),
    wrong(PRODUCT, MultiplyPassesUpstream, "Passed through.", {Y: "missing-factor"}),
    wrong(
        PRODUCT,
        MultiplyWritesIntoInput,
        "out=x saves memory.",
        {Y: "mutates-input upstream-nonlinear"},
        also="linear_in_upstream purity.inputs_unchanged",
        full=True,
    ),
)
