"""Held out: layers that work along channels and pixels. See `held_out`."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong
from tests.gradient_corpus.smooth import sigmoid


class LocalResponseNorm:
    """x / (1 + a sum of x^2 over three neighbouring channels)^(3/4), images SSCB."""

    a = 0.3

    def near(self, x):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
        return padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]

    def scale(self, x):
        return 1 + self.a * self.near(x**2)

    def predict(self, x):
        return x * self.scale(x) ** -0.75

    def cross(self, x, dz, scale):
        return 1.5 * self.a * x * self.near(dz * x * scale**-1.75)

    def backward(self, x, z, dz, memory):
        scale = self.scale(x)
        return dz * scale**-0.75 - self.cross(x, dz, scale)


class LocalResponseNormOwnChannel(LocalResponseNorm):
    def cross(self, x, dz, scale):
        return 1.5 * self.a * x * dz * x * scale**-1.75


class LocalResponseNormScaleFixed(LocalResponseNorm):
    def cross(self, x, dz, scale):
        return 0


class LocalResponseNormPlus(LocalResponseNorm):
    def cross(self, x, dz, scale):
        return -super().cross(x, dz, scale)


class LocalResponseNormNextChannel(LocalResponseNorm):
    def backward(self, x, z, dz, memory):
        return np.roll(super().backward(x, z, dz, memory), 1, axis=2)


class SqueezeExcitation:
    """Images SSCB times a gate for each channel: sigmoid(W of the pixels' mean)."""

    learnables = ("W",)

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            channels = layout.size[2]
            self.W = 2 * normal(channels, channels)

    def forward(self, x):
        mean = x.mean(axis=(0, 1))
        gate = sigmoid(self.W @ mean)
        return x * gate, (mean, gate)

    def predict(self, x):
        return self.forward(x)[0]

    def through_gate(self, x, da):
        return self.W.T @ da / (x.shape[0] * x.shape[1])

    def da(self, x, dz, gate):
        return (dz * x).sum(axis=(0, 1)) * gate * (1 - gate)

    def backward(self, x, z, dz, memory):
        mean, gate = memory
        da = self.da(x, dz, gate)
        return dz * gate + self.through_gate(x, da), da @ mean.T


class SqueezeExcitationGateFixed(SqueezeExcitation):
    def through_gate(self, x, da):
        return 0


class SqueezeExcitationWithoutCount(SqueezeExcitation):
    def through_gate(self, x, da):
        return self.W.T @ da


class SqueezeExcitationPixelsAveraged(SqueezeExcitation):
    def da(self, x, dz, gate):
        return super().da(x, dz, gate) / (x.shape[0] * x.shape[1])

    def through_gate(self, x, da):
        return self.W.T @ da


class SqueezeExcitationBatchMean(SqueezeExcitation):
    def backward(self, x, z, dz, memory):
        dx, dW = super().backward(x, z, dz, memory)
        return dx, dW / x.shape[3]


class SqueezeExcitationTransposedWeights(SqueezeExcitation):
    def backward(self, x, z, dz, memory):
        dx, dW = super().backward(x, z, dz, memory)
        return dx, dW.T.copy()


class PixelShuffle:
    """Six channels of SSCB become a block of 2x3 pixels."""

    def output_layout(self, layout):
        rows, columns, channels, observations = layout.size
        return f"SSCB:{2 * rows},{3 * columns},{channels // 6},{observations}"

    def predict(self, x):
        rows, columns, channels, observations = x.shape
        blocks = x.reshape(rows, columns, channels // 6, 2, 3, observations)
        moved = blocks.transpose(0, 3, 1, 4, 2, 5)
        return moved.reshape(2 * rows, 3 * columns, channels // 6, observations).copy()

    order = (0, 2, 4, 1, 3, 5)

    def backward(self, x, z, dz, memory):
        rows, columns, channels, observations = x.shape
        blocks = dz.reshape(rows, 2, columns, 3, channels // 6, observations)
        return blocks.transpose(self.order).reshape(x.shape).copy()


class PixelShuffleOtherOrder(PixelShuffle):
    order = (0, 2, 1, 3, 4, 5)


class PixelShuffleReversed(PixelShuffle):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory)[:, :, ::-1].copy()


class SReLU:
    """Slope l below -1, 1 between, r above 1; l and r are learnt for each channel of CB."""

    learnables = ("left", "right")

    def __init__(self):
        self.left = None
        self.right = None

    def initialize(self, layout):
        if self.left is None:
            self.left = layout.along("C", np.linspace(0.1, 0.5, layout.size[0]))
            self.right = layout.along("C", np.linspace(0.7, 0.3, layout.size[0]))

    def predict(self, x):
        above = 1 + self.right * (x - 1)
        below = -1 + self.left * (x + 1)
        return np.where(x > 1, above, np.where(x < -1, below, x))

    def slope(self, x):
        return np.where(x > 1, self.right, np.where(x < -1, self.left, np.ones_like(x)))

    def sides(self, x):
        return np.minimum(x + 1, 0), np.maximum(x - 1, 0)

    def backward(self, x, z, dz, memory):
        low, high = ((dz * side).sum(axis=1, keepdims=True) for side in self.sides(x))
        return dz * self.slope(x), low, high


class SReLUSlopesExchanged(SReLU):
    def slope(self, x):
        return np.where(x > 1, self.left, np.where(x < -1, self.right, np.ones_like(x)))


class SReLUWithoutOffset(SReLU):
    def sides(self, x):
        return np.minimum(x, 0) * (x < -1), np.maximum(x, 0) * (x > 1)


class SReLUUpperSideOnly(SReLU):
    def slope(self, x):
        return np.where(x > 1, self.right, np.ones_like(x))


class SReLUGradientsSwapped(SReLU):
    def backward(self, x, z, dz, memory):
        dx, low, high = super().backward(x, z, dz, memory)
        return dx, high, low


class SReLUTwiceAtTheEnds(SReLU):
    def slope(self, x):
        return super().slope(x) + (np.abs(x) == 1)


X, W = "input:x", "learnable:W"
LEFT, RIGHT = "learnable:left", "learnable:right"
IMAGES = ("SSCB:3,2,5,7",)
RESPONSE = right(LocalResponseNorm, *IMAGES)
SQUEEZE = right(SqueezeExcitation, *IMAGES)
SHUFFLE = right(PixelShuffle, "SSCB:3,2,12,5")
BENT = right(SReLU, "CB:5,11")
CORRECT = (RESPONSE, SQUEEZE, SHUFFLE, BENT)

BUGS = (
    wrong(
        RESPONSE,
        LocalResponseNormOwnChannel,
        "The neighbours' terms are missing.",
        {X: "missing-term missing-sum"},
    ),
    wrong(RESPONSE, LocalResponseNormScaleFixed, "The scale is a constant.", {X: "missing-term"}),
    wrong(RESPONSE, LocalResponseNormPlus, "+ for -.", {X: "missing-term"}),
    wrong(RESPONSE, LocalResponseNormNextChannel, "Off by one channel.", {X: "shifted"}),
    wrong(SQUEEZE, SqueezeExcitationGateFixed, "The gate is a constant.", {X: "missing-term"}),
    wrong(
        SQUEEZE,
        SqueezeExcitationWithoutCount,
        "The mean's 1/N is lost on the way back.",
        {X: "missing-term"},
    ),
    wrong(
        SQUEEZE,
        SqueezeExcitationPixelsAveraged,
        "1/N sits where the weights see it too.",
        {W: "mean-instead-of-sum constant-factor"},
    ),
    wrong(
        SQUEEZE,
        SqueezeExcitationBatchMean,
        "Averages over the batch.",
        {W: "mean-instead-of-sum"},
    ),
    wrong(SQUEEZE, SqueezeExcitationTransposedWeights, "mean da' for da mean'.", {W: "transposed"}),
    wrong(
        SHUFFLE,
        PixelShuffleOtherOrder,
        "Pixels of a block before channels.",
        {X: "permuted"},
    ),
    wrong(SHUFFLE, PixelShuffleReversed, "Channels in reverse.", {X: "flipped"}),
    wrong(
        BENT,
        SReLUSlopesExchanged,
        "left for right.",
        {X: "wrong-region elementwise-derivative"},
    ),
    wrong(
        BENT,
        SReLUWithoutOffset,
        "x for x - 1.",
        {LEFT: "missing-term missing-factor", RIGHT: "missing-term missing-factor"},
    ),
    wrong(BENT, SReLUUpperSideOnly, "The lower side is forgotten.", {X: "wrong-region"}),
    wrong(
        BENT,
        SReLUGradientsSwapped,
        "right comes first.",
        {LEFT: "swapped-with", RIGHT: "swapped-with"},
    ),
    wrong(
        BENT,
        SReLUTwiceAtTheEnds,
        "Both branches count at the ends.",
        {X: "one-sided-at-kink"},
        points="grid",
    ),
)
