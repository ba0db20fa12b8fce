"""PReLU at the layout of a real network: one learnable, and every way to spoil its gradient."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong


class PReLU:
    """z = x above zero, alpha x below, one alpha for each channel."""

    learnables = ("alpha",)

    def __init__(self):
        self.alpha = None

    def initialize(self, layout):
        if self.alpha is None:
            channels = layout.size[layout.find("C")]
            self.alpha = layout.along("C", np.linspace(-0.3, 0.9, channels))
        self.others = tuple(i for i in range(layout.rank) if i != layout.find("C"))

    def predict(self, x):
        return np.where(x > 0, x, self.alpha * x)

    def dx(self, x, dz):
        return np.where(x > 0, dz, self.alpha * dz)

    def each(self, x, dz):
        return np.minimum(x, 0) * dz

    def dalpha(self, x, dz):
        return self.each(x, dz).sum(axis=self.others, keepdims=True)

    def backward(self, x, z, dz, memory):
        return self.dx(x, dz), self.dalpha(x, dz)


class PReLUSign(PReLU):
    def dalpha(self, x, dz):
        return -super().dalpha(x, dz)


class PReLUBatchMean(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x, dz) / x.shape[-1]


class PReLUSpatialMean(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x, dz) / (x.shape[0] * x.shape[1])


class PReLUMean(PReLU):
    def dalpha(self, x, dz):
        return self.each(x, dz).mean(axis=self.others, keepdims=True)


class PReLUTwice(PReLU):
    def dalpha(self, x, dz):
        return 2 * super().dalpha(x, dz)


class PReLUPositiveSide(PReLU):
    def each(self, x, dz):
        return np.maximum(x, 0) * dz


class PReLUBothSides(PReLU):
    def each(self, x, dz):
        return x * dz


class PReLUWithoutInput(PReLU):
    def each(self, x, dz):
        return (x < 0) * dz


class PReLUOfOutput(PReLU):
    def each(self, x, dz):
        return np.where(x < 0, self.alpha * x, 0) * dz


class PReLUOnesUpstream(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x, np.ones_like(dz))


class PReLUUpstreamSquared(PReLU):
    def each(self, x, dz):
        return np.minimum(x, 0) * dz**2


class PReLUSumsChannels(PReLU):
    def dalpha(self, x, dz):
        return np.full_like(self.alpha, self.each(x, dz).sum())


class PReLULastObservation(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x[..., -1:], dz[..., -1:])


class PReLUFirstPixel(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x[:1, :1], dz[:1, :1])


class PReLUNextChannel(PReLU):
    def dalpha(self, x, dz):
        return np.roll(super().dalpha(x, dz), 1, axis=2)


class PReLUReversedChannels(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x, dz)[:, :, ::-1].copy()


class PReLUSortedChannels(PReLU):
    def dalpha(self, x, dz):
        even_then_odd = np.r_[0 : x.shape[2] : 2, 1 : x.shape[2] : 2]
        return super().dalpha(x, dz)[:, :, even_then_odd]


class PReLUDetached(PReLU):
    def dalpha(self, x, dz):
        return np.zeros_like(self.alpha)


class PReLUSlopeEverywhere(PReLU):
    def dx(self, x, dz):
        return self.alpha * dz


class PReLUWithoutSlope(PReLU):
    def dx(self, x, dz):
        return np.where(x > 0, dz, dz)


class PReLUSlopeOfFirstChannel(PReLU):
    def dx(self, x, dz):
        return np.where(x > 0, dz, self.alpha[:, :, :1] * dz)


class PReLUOneElement(PReLU):
    def dx(self, x, dz):
        dx = super().dx(x, dz)
        dx[-1, 1, 2, 3] *= 1.001
        return dx


class PReLUAccumulates(PReLU):
    def dalpha(self, x, dz):
        self.total = getattr(self, "total", 0) + super().dalpha(x, dz)
        return self.total


PRELU = right(PReLU, "SSCB:3,4,5,7", full="SSCB:24,24,20,128")
CORRECT = (PRELU,)
ALPHA = "learnable:alpha"

BUGS = (
    wrong(PRELU, PReLUSign, "The sign of min(x, 0) is taken off.", {ALPHA: "sign-flipped"}),
    wrong(
        PRELU,
        PReLUBatchMean,
        "Averages over the batch; the loss does so already.",
        {ALPHA: "mean-instead-of-sum"},
        full=True,
    ),
    wrong(PRELU, PReLUSpatialMean, "Averages over the pixels.", {ALPHA: "mean-instead-of-sum"}),
    wrong(PRELU, PReLUMean, "mean for sum.", {ALPHA: "mean-instead-of-sum"}),
    wrong(PRELU, PReLUTwice, "Counted twice.", {ALPHA: "constant-factor"}, full=True),
    wrong(PRELU, PReLUPositiveSide, "max for min.", {ALPHA: "wrong-region"}),
    wrong(PRELU, PReLUBothSides, "The mask is missing.", {ALPHA: "wrong-region missing-factor"}),
    wrong(PRELU, PReLUWithoutInput, "x is missing.", {ALPHA: "missing-factor"}, full=True),
    wrong(PRELU, PReLUOfOutput, "z for x.", {ALPHA: "missing-factor elementwise-derivative"}),
    wrong(
        PRELU,
        PReLUOnesUpstream,
        "dz is not used for alpha.",
        {ALPHA: "missing-upstream-gradient"},
        also="linear_in_upstream",
    ),
    wrong(
        PRELU,
        PReLUUpstreamSquared,
        "dz is multiplied twice.",
        {ALPHA: "upstream-nonlinear"},
        also="linear_in_upstream",
    ),
    wrong(
        PRELU,
        PReLUSumsChannels,
        "The channels are summed too; alpha broadcasts.",
        {ALPHA: "wrong-axis missing-broadcast-reduction"},
        full=True,
    ),
    wrong(
        PRELU,
        PReLULastObservation,
        "A loop over the batch overwrites.",
        {ALPHA: "missing-sum wrong-region"},
        full=True,
    ),
    wrong(
        PRELU,
        PReLUFirstPixel,
        "The sum over the pixels is missing.",
        {ALPHA: "missing-sum wrong-region"},
    ),
    wrong(PRELU, PReLUNextChannel, "Off by one channel.", {ALPHA: "shifted"}),
    wrong(PRELU, PReLUReversedChannels, "Channels in reverse.", {ALPHA: "flipped"}),
    wrong(
        PRELU,
        PReLUSortedChannels,
        "Channels as another library stores them.",
        {ALPHA: "permuted"},
        full=True,
    ),
    wrong(
        PRELU,
        PReLUDetached,
        "alpha is taken for a constant.",
        {ALPHA: "zero-gradient"},
        also="reaches_all_learnables",
        full=True,
    ),
    wrong(PRELU, PReLUSlopeEverywhere, "The mask is missing.", {"input:x": "wrong-region"}),
    wrong(PRELU, PReLUWithoutSlope, "The identity's backward.", {"input:x": "wrong-region"}),
    wrong(
        PRELU,
        PReLUSlopeOfFirstChannel,
        "One alpha serves every channel.",
        {"input:x": "wrong-region missing-factor wrong-axis elementwise-derivative"},
    ),
    wrong(PRELU, PReLUOneElement, "One element by 0.1 %.", {"input:x": "wrong-region"}, full=True),
    wrong(
        PRELU,
        PReLUAccumulates,
        "Gradients add up and nothing clears them.",
        {"repeatable": "accumulates"},
        full=True,
    ),
)
