"""Layers whose images come out larger than they went in."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class UpSample:
    """Every value becomes a block of 2 by 3."""

    def forward(self, x):
        return x.repeat(2, axis=2).repeat(3, axis=3)

    def backward(self, dout):
        batch, channels, height, width = dout.shape
        return dout.reshape(batch, channels, height // 2, 2, width // 3, 3).sum(axis=(3, 5))


class UpSamplePicksOne(UpSample):
    def backward(self, dout):
        return dout[:, :, ::2, ::3]


class TransposedConv2d:
    """Every value paints a kernel; kernels two steps apart overlap."""

    def __init__(self, weight, bias):
        self.weight = weight
        self.bias = bias

    def forward(self, x):
        self.x = x
        rows, columns = self.weight.shape[2:]
        size = 2 * (x.shape[2] - 1) + rows, 2 * (x.shape[3] - 1) + columns
        out = np.zeros((len(x), self.weight.shape[1], *size), x.dtype)
        for i, j, window in self._windows(out):
            window += np.einsum("bchw,co->bohw", x, self.weight[:, :, i, j])
        return out + self.bias.reshape(-1, 1, 1)

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        self.dweight = np.zeros_like(self.weight)
        for i, j, window in self._windows(dout):
            dx += np.einsum("bohw,co->bchw", window, self._kernel(i, j))
            self.dweight[:, :, i, j] = np.einsum("bchw,bohw->co", self.x, window)
        self.dbias = dout.sum(axis=(0, 2, 3))
        return dx

    def _windows(self, image):
        rows, columns = self.weight.shape[2:]
        for i in range(rows):
            for j in range(columns):
                bottom, right = i + 2 * self.x.shape[2] - 1, j + 2 * self.x.shape[3] - 1
                yield i, j, image[:, :, i:bottom:2, j:right:2]

    def _kernel(self, i, j):
        return self.weight[:, :, i, j]


class TransposedConv2dFlipsKernel(TransposedConv2d):
    def _kernel(self, i, j):
        return self.weight[:, :, -1 - i, -1 - j]


class TransposedConv2dReturnsUpstream(TransposedConv2d):
    """Forgets to come back to the size of the input."""

    def backward(self, dout):
        super().backward(dout)
        return dout


class PixelShuffle:
    """Four channels become blocks of 2 by 2."""

    def forward(self, x):
        batch, channels, height, width = x.shape
        self.parts = batch, channels // 4, 2, 2, height, width
        blocks = x.reshape(self.parts).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(batch, channels // 4, 2 * height, 2 * width)

    def backward(self, dout):
        batch, channels, _, _, height, width = self.parts
        blocks = dout.reshape(batch, channels, height, 2, width, 2)
        return self._back(blocks).reshape(batch, 4 * channels, height, width)

    def _back(self, blocks):
        return blocks.transpose(0, 1, 3, 5, 2, 4)


class PixelShuffleSwapsRowsAndColumns(PixelShuffle):
    def _back(self, blocks):
        return blocks.transpose(0, 1, 5, 3, 2, 4)


_IMAGES = "BCSS:3,2,5,4"
_CONV = {"weight": normal(2, 3, 3, 3), "bias": normal(3)}
_X = "gradients.input:x"

CORRECT = (
    right(UpSample, _IMAGES),
    right(TransposedConv2d, _IMAGES, init=_CONV),
    right(PixelShuffle, "BCSS:2,8,3,5"),
)

BROKEN = (
    wrong(UpSamplePicksOne, _IMAGES, fails=_X),
    wrong(TransposedConv2dFlipsKernel, _IMAGES, init=_CONV, fails=_X),
    wrong(TransposedConv2dReturnsUpstream, _IMAGES, init=_CONV, fails="shapes.gradients"),
    wrong(PixelShuffleSwapsRowsAndColumns, "BCSS:2,8,3,5", fails=_X),
)
