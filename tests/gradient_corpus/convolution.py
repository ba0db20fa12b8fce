"""Convolutions over images SSCB, and the same run backwards."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal


class Conv2D:
    """z = W * x + b; W has the axes kernel, kernel, in, out."""

    learnables = ("W", "b")
    kernel = (3, 2)
    units = 2
    stride, pad, dilation = 1, 0, 1

    def __init__(self):
        self.W = None
        self.b = None

    def initialize(self, layout):
        if self.W is None:
            channels = layout.size[2]
            self.W = normal(*self.kernel, channels, self.units or channels)
            self.b = normal(self.units or channels, 1)

    def output_layout(self, layout):
        rows, columns = (self.steps(n, k) for n, k in zip(layout.size, self.kernel, strict=False))
        sizes = f"{rows},{columns},{self.b.shape[0]},{layout.size[3]}"
        return f"SSCB:{sizes}"

    def steps(self, n, k):
        return (n + 2 * self.pad - self.dilation * (k - 1) - 1) // self.stride + 1

    def padded(self, x):
        p = self.pad
        return np.pad(x, ((p, p), (p, p), (0, 0), (0, 0)))

    def windows(self, x, stride=None, dilation=None):
        """Yield for each element of the kernel the view of x that it meets."""
        stride, dilation = stride or self.stride, dilation or self.dilation
        rows = (x.shape[0] - self.dilation * (self.kernel[0] - 1) - 1) // self.stride + 1
        columns = (x.shape[1] - self.dilation * (self.kernel[1] - 1) - 1) // self.stride + 1
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                top, left = i * dilation, j * dilation
                yield (
                    (i, j),
                    (
                        slice(top, top + stride * (rows - 1) + 1, stride),
                        slice(left, left + stride * (columns - 1) + 1, stride),
                    ),
                )

    def predict(self, x):
        x = self.padded(x)
        return sum(self.meet(x[w], self.W[k]) for k, w in self.windows(x)) + self.b

    def meet(self, x, W):
        return np.einsum("hwcb,co->hwob", x, W, optimize=True)

    def meet_back(self, dz, W):
        return np.einsum("hwob,co->hwcb", dz, W, optimize=True)

    def dW(self, x, dz):
        x, dW = self.padded(x), np.zeros_like(self.W)
        for k, window in self.windows(x):
            dW[k] = np.einsum("hwcb,hwob->co", x[window], dz, optimize=True)
        return dW

    def db(self, dz):
        return dz.sum(axis=(0, 1, 3))[:, None]

    def scattered(self, x, dz, W, **other):
        dx = np.zeros_like(self.padded(x))
        for k, window in self.windows(dx, **other):
            dx[window] += self.meet_back(dz, W[k])
        return dx

    def cropped(self, x, dx):
        p = self.pad
        return dx[p : p + x.shape[0], p : p + x.shape[1]]

    def dx(self, x, dz):
        return self.cropped(x, self.scattered(x, dz, self.W))

    def backward(self, x, z, dz, memory):
        return self.dx(x, dz), self.dW(x, dz), self.db(dz)


class Conv2DKernelNotFlipped(Conv2D):
    def dx(self, x, dz):
        return self.scattered(x, dz, self.W[::-1, ::-1])


class Conv2DReversedWeights(Conv2D):
    def dW(self, x, dz):
        return super().dW(x, dz)[::-1, ::-1].copy()


class Conv2DBatchMean(Conv2D):
    def dW(self, x, dz):
        return super().dW(x, dz) / x.shape[3]


class Conv2DMeanOfPixels(Conv2D):
    def db(self, dz):
        return super().db(dz) / (dz.shape[0] * dz.shape[1])


class Conv2DBiasOfLastObservation(Conv2D):
    def db(self, dz):
        return super().db(dz[..., -1:])


class Conv2DFirstObservation(Conv2D):
    def dW(self, x, dz):
        return super().dW(x[..., :1], dz[..., :1])


class Conv2DLastChannelOnly(Conv2D):
    """Overwrites dx for each output channel instead of adding."""

    def meet_back(self, dz, W):
        return np.einsum("hwb,c->hwcb", dz[:, :, -1], W[:, -1])


class Conv2DSumsInputChannels(Conv2D):
    def meet_back(self, dz, W):
        dx = super().meet_back(dz, W)
        return np.zeros_like(dx) + dx.sum(axis=2, keepdims=True)


class PaddedConv2D(Conv2D):
    kernel = (3, 3)
    pad = 1


class PaddedConv2DCropsTheEnd(PaddedConv2D):
    def cropped(self, x, dx):
        return dx[: x.shape[0], : x.shape[1]]


class PaddedConv2DWithoutBorder(PaddedConv2D):
    def dx(self, x, dz):
        dx = super().dx(x, dz)
        dx[0] = dx[-1] = dx[:, 0] = dx[:, -1] = 0
        return dx


class PaddedConv2DWrapsAround(PaddedConv2D):
    def dW(self, x, dz):
        dW = np.zeros_like(self.W)
        for i, j in np.ndindex(*self.kernel):
            moved = np.roll(x, (1 - i, 1 - j), axis=(0, 1))
            dW[i, j] = np.einsum("hwcb,hwob->co", moved, dz, optimize=True)
        return dW


class StridedConv2D(Conv2D):
    stride = 2


class StridedConv2DIgnoresStride(StridedConv2D):
    def dx(self, x, dz):
        return self.scattered(x, dz, self.W, stride=1)


class StridedConv2DStrideOfWeights(StridedConv2D):
    def dW(self, x, dz):
        dW = np.zeros_like(self.W)
        for i, j in np.ndindex(*self.kernel):
            window = x[i : i + dz.shape[0], j : j + dz.shape[1]]
            dW[i, j] = np.einsum("hwcb,hwob->co", window, dz, optimize=True)
        return dW


class DilatedConv2D(Conv2D):
    dilation = 2


class DilatedConv2DIgnoresDilation(DilatedConv2D):
    def dx(self, x, dz):
        return self.scattered(x, dz, self.W, dilation=1)


class ChannelConv2D(Conv2D):
    """As many units as channels."""

    units = None


class ChannelConv2DNotTransposed(ChannelConv2D):
    def meet_back(self, dz, W):
        return np.einsum("hwob,oc->hwcb", dz, W, optimize=True)


class ChannelConv2DTransposedGradient(ChannelConv2D):
    def dW(self, x, dz):
        return super().dW(x, dz).swapaxes(2, 3).copy()


class TransposedConv2D:
    """The transpose of a convolution of stride 2: images grow."""

    learnables = ("W",)
    stride = 2

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(3, 3, layout.size[2], 2)

    def output_layout(self, layout):
        rows, columns = (2 * n + 1 for n in layout.size[:2])
        return f"SSCB:{rows},{columns},2,{layout.size[3]}"

    def window(self, k, x, stride=None):
        stride = stride or self.stride
        ends = (i + stride * (n - 1) + 1 for i, n in zip(k, x.shape, strict=False))
        return tuple(slice(i, end, stride) for i, end in zip(k, ends, strict=True))

    def predict(self, x):
        rows, columns, _, observations = x.shape
        z = np.zeros((2 * rows + 1, 2 * columns + 1, 2, observations), x.dtype)
        for k in np.ndindex(3, 3):
            z[self.window(k, x)] += np.einsum("hwcb,co->hwob", x, self.W[k], optimize=True)
        return z

    def dx(self, x, dz, W, **other):
        terms = (
            np.einsum("hwob,co->hwcb", dz[self.window(k, x, **other)], W[k], optimize=True)
            for k in np.ndindex(3, 3)
        )
        return sum(terms)

    def dW(self, x, dz, **other):
        dW = np.zeros_like(self.W)
        for k in np.ndindex(3, 3):
            window = dz[self.window(k, x, **other)]
            dW[k] = np.einsum("hwcb,hwob->co", x, window, optimize=True)
        return dW

    def backward(self, x, z, dz, memory):
        return self.dx(x, dz, self.W), self.dW(x, dz)


class TransposedConv2DIgnoresStride(TransposedConv2D):
    def backward(self, x, z, dz, memory):
        return self.dx(x, dz, self.W, stride=1), self.dW(x, dz)


class TransposedConv2DFlipsKernel(TransposedConv2D):
    def backward(self, x, z, dz, memory):
        return self.dx(x, dz, self.W[::-1, ::-1]), self.dW(x, dz)


class TransposedConv2DWeightsIgnoreStride(TransposedConv2D):
    def backward(self, x, z, dz, memory):
        return self.dx(x, dz, self.W), self.dW(x, dz, stride=1)
