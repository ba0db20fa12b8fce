"""Which convolutions are right, and what is wrong with the others; and layers near them."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus import convolution as c
from tests.gradient_corpus.entry import normal, right, wrong


class Conv1D:
    """z_t = sum_k W_k x_{t+k} over sequences CTB."""

    learnables = ("W",)
    kernel = 3

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(self.kernel, 4, layout.size[0])

    def output_layout(self, layout):
        return f"CTB:4,{layout.size[1] - self.kernel + 1},{layout.size[2]}"

    def windows(self, x):
        steps = x.shape[1] - self.kernel + 1
        return [slice(k, k + steps) for k in range(self.kernel)]

    def predict(self, x):
        windows = enumerate(self.windows(x))
        return sum(np.einsum("oc,ctb->otb", self.W[k], x[:, w], optimize=True) for k, w in windows)

    def dx(self, x, dz, W):
        dx = np.zeros_like(x)
        for k, window in enumerate(self.windows(x)):
            dx[:, window] += np.einsum("oc,otb->ctb", W[k], dz, optimize=True)
        return dx

    def dW(self, x, dz):
        pairs = (np.einsum("otb,ctb->oc", dz, x[:, w], optimize=True) for w in self.windows(x))
        return np.stack(list(pairs))

    def backward(self, x, z, dz, memory):
        return self.dx(x, dz, self.W), self.dW(x, dz)


class Conv1DReversedKernel(Conv1D):
    def dx(self, x, dz, W):
        return super().dx(x, dz, W[::-1])


class Conv1DOneStepLate(Conv1D):
    def dx(self, x, dz, W):
        dx = np.zeros_like(x)
        dx[:, 1:] = super().dx(x, dz, W)[:, :-1]
        return dx


class Conv1DLastStepOnly(Conv1D):
    def dW(self, x, dz):
        return super().dW(x[:, -self.kernel :], dz[:, -1:])


class Depthwise:
    """One 3x3 kernel for each channel of images SSCB."""

    learnables = ("W",)

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(layout.size[2], 3, 3).transpose(1, 2, 0)[..., None].copy()

    def output_layout(self, layout):
        return layout.with_size(0, layout.size[0] - 2).with_size(1, layout.size[1] - 2)

    def windows(self, x):
        for i, j in np.ndindex(3, 3):
            yield (i, j), (slice(i, x.shape[0] - 2 + i), slice(j, x.shape[1] - 2 + j))

    def predict(self, x):
        return sum(self.W[k] * x[window] for k, window in self.windows(x))

    def products(self, x, dz):
        return dz * x

    def backward(self, x, z, dz, memory):
        dx, dW = np.zeros_like(x), np.zeros_like(self.W)
        for k, window in self.windows(x):
            dx[window] += self.W[k] * dz
            dW[k] = self.products(x[window], dz).sum(axis=(0, 1, 3), keepdims=True)[0, 0]
        return dx, dW


class DepthwiseSumsChannels(Depthwise):
    def products(self, x, dz):
        return np.zeros_like(dz) + super().products(x, dz).sum(axis=2, keepdims=True)


class DepthwiseReversedChannels(Depthwise):
    def products(self, x, dz):
        return super().products(x, dz)[:, :, ::-1]


class DepthwiseAbsoluteUpstream(Depthwise):
    def products(self, x, dz):
        return super().products(x, np.abs(dz))


IMAGES = ("SSCB:6,5,3,4",)
REAL = "SSCB:24,24,20,128"
X, W, B = "input:x", "learnable:W", "learnable:b"

CONV = right(c.Conv2D, *IMAGES, full=REAL)
PADDED = right(c.PaddedConv2D, *IMAGES, full=REAL)
STRIDED = right(c.StridedConv2D, "SSCB:7,6,3,4", full=REAL)
DILATED = right(c.DilatedConv2D, "SSCB:7,6,3,4")
CHANNELS = right(c.ChannelConv2D, *IMAGES, full=REAL)
TRANSPOSED = right(c.TransposedConv2D, "SSCB:4,3,5,6")
SEQUENCE = right(Conv1D, "CTB:3,7,5", full="CTB:64,180,128")
DEPTHWISE = right(Depthwise, *IMAGES, full=REAL)
CORRECT = (CONV, PADDED, STRIDED, DILATED, CHANNELS, TRANSPOSED, SEQUENCE, DEPTHWISE)

BUGS = (
    wrong(
        CONV,
        c.Conv2DKernelNotFlipped,
        "The kernel is turned round once too often.",
        {X: "flipped"},
        full=True,
    ),
    wrong(CONV, c.Conv2DReversedWeights, "The arguments of correlate swapped.", {W: "flipped"}),
    wrong(CONV, c.Conv2DBatchMean, "Averages over the batch.", {W: "mean-instead-of-sum"}),
    wrong(
        CONV,
        c.Conv2DMeanOfPixels,
        "mean over the pixels.",
        {B: "mean-instead-of-sum constant-factor"},
    ),
    wrong(
        CONV,
        c.Conv2DBiasOfLastObservation,
        "A loop over the batch overwrites.",
        {B: "missing-sum wrong-region"},
    ),
    wrong(
        CONV,
        c.Conv2DFirstObservation,
        "Written for one image.",
        {W: "missing-sum wrong-region"},
    ),
    wrong(
        CONV,
        c.Conv2DLastChannelOnly,
        "= for += in the loop over output channels.",
        {X: "missing-sum wrong-region missing-term"},
    ),
    wrong(
        CONV,
        c.Conv2DSumsInputChannels,
        "Sums over both kinds of channels.",
        {X: "wrong-axis missing-broadcast-reduction"},
        full=True,
    ),
    wrong(
        PADDED,
        c.PaddedConv2DCropsTheEnd,
        "The padding is cut off at the wrong end.",
        {X: "shifted"},
        full=True,
    ),
    wrong(
        PADDED,
        c.PaddedConv2DWithoutBorder,
        "The border gets no gradient.",
        {X: "wrong-region"},
        full=True,
    ),
    wrong(
        PADDED,
        c.PaddedConv2DWrapsAround,
        "Circular where the padding is zero.",
        {W: "wrong-region missing-term"},
    ),
    wrong(
        STRIDED,
        c.StridedConv2DIgnoresStride,
        "Scattered without the stride.",
        {X: "shifted missing-term"},
    ),
    wrong(
        STRIDED,
        c.StridedConv2DStrideOfWeights,
        "Windows of x without the stride.",
        {W: "shifted missing-factor missing-term"},
    ),
    wrong(
        DILATED,
        c.DilatedConv2DIgnoresDilation,
        "Scattered without the dilation.",
        {X: "shifted missing-term"},
    ),
    wrong(
        CHANNELS,
        c.ChannelConv2DNotTransposed,
        "W over in and out is not transposed.",
        {X: "transposed"},
    ),
    wrong(
        CHANNELS,
        c.ChannelConv2DTransposedGradient,
        "in and out are exchanged; the shapes agree.",
        {W: "transposed"},
    ),
    wrong(
        TRANSPOSED,
        c.TransposedConv2DIgnoresStride,
        "dz is read without the stride.",
        {X: "shifted missing-term"},
    ),
    wrong(TRANSPOSED, c.TransposedConv2DFlipsKernel, "The kernel is turned round.", {X: "flipped"}),
    wrong(
        TRANSPOSED,
        c.TransposedConv2DWeightsIgnoreStride,
        "dz is read without the stride.",
        {W: "shifted missing-factor missing-term"},
    ),
    wrong(SEQUENCE, Conv1DReversedKernel, "The kernel is turned round.", {X: "flipped"}),
    wrong(SEQUENCE, Conv1DOneStepLate, "Off by one step.", {X: "shifted"}, full=True),
    wrong(
        SEQUENCE,
        Conv1DLastStepOnly,
        "Only the last step counts.",
        {W: "wrong-region missing-sum"},
        full=True,
    ),
    wrong(
        DEPTHWISE,
        DepthwiseSumsChannels,
        "Sums over the channels as a plain convolution.",
        {W: "wrong-axis missing-broadcast-reduction"},
    ),
    wrong(DEPTHWISE, DepthwiseReversedChannels, "Channels in reverse.", {W: "flipped permuted"}),
    wrong(
        DEPTHWISE,
        DepthwiseAbsoluteUpstream,
        "|dz| for dz.",
        {W: "upstream-nonlinear mask-from-upstream"},
        also="linear_in_upstream",
    ),
)
