"""Images BCSS, with `params` and `grads` in dicts."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Conv2d:
    """Cross-correlation with stride 1."""

    def __init__(self, W, b, pad=1):
        self.params = {"W": W, "b": b}
        self.grads = {}
        self.pad = pad

    def forward(self, x):
        W, b = self.params["W"], self.params["b"]
        self.padded = _pad(x, self.pad)
        return sum(
            np.einsum("bchw,oc->bohw", patch, W[:, :, i, j]) for i, j, patch in self._patches()
        ) + b.reshape(-1, 1, 1)

    def backward(self, dout):
        W = self.params["W"]
        dW = np.zeros_like(W)
        dpadded = np.zeros_like(self.padded)
        height, width = dout.shape[2:]
        for i, j, patch in self._patches():
            dW[:, :, i, j] = np.einsum("bohw,bchw->oc", dout, patch)
            self._spread(
                dpadded[:, :, i : i + height, j : j + width],
                np.einsum("bohw,oc->bchw", dout, W[:, :, i, j]),
            )
        self.grads["W"] = dW
        self.grads["b"] = dout.sum(axis=(0, 2, 3))
        return self._crop(dpadded)

    def _patches(self):
        rows, columns = self.params["W"].shape[2:]
        height = self.padded.shape[2] - rows + 1
        width = self.padded.shape[3] - columns + 1
        for i in range(rows):
            for j in range(columns):
                yield i, j, self.padded[:, :, i : i + height, j : j + width]

    def _spread(self, window, gradient):
        window += gradient

    def _crop(self, padded):
        height, width = padded.shape[2:]
        return padded[:, :, self.pad : height - self.pad, self.pad : width - self.pad]


class Conv2dOverwrites(Conv2d):
    """Assigns where windows overlap, instead of adding."""

    def _spread(self, window, gradient):
        window[...] = gradient


class Conv2dEmptyCrop(Conv2d):
    """The slice [p:-p] is empty for p = 0."""

    def _crop(self, padded):
        return padded[:, :, self.pad : -self.pad, self.pad : -self.pad]


class Conv2dKernelGradientReversed(Conv2d):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["W"] = self.grads["W"][:, :, ::-1, ::-1]
        return dx


class Conv2dKernelFlippedInDx(Conv2d):
    def backward(self, dout):
        kernel = self.params["W"]
        self.params["W"] = kernel[:, :, ::-1, ::-1]
        dx = super().backward(dout)
        self.params["W"] = kernel
        return dx


class Conv2dBiasOverTheBatchOnly(Conv2d):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["b"] = dout.sum(axis=0)[:, 0, 0]
        return dx


class Conv2dForBatchesOfThree(Conv2d):
    """Has the batch size of its first data written into it."""

    def forward(self, x):
        return super().forward(x.reshape(3, *x.shape[1:]))


class MaxPool:
    """Windows of 2 by 2 that do not overlap; odd borders are dropped."""

    def forward(self, x):
        batch, channels, height, width = x.shape
        self.shape = x.shape
        cropped = x[:, :, : height // 2 * 2, : width // 2 * 2]
        blocks = cropped.reshape(batch, channels, height // 2, 2, width // 2, 2)
        flat = blocks.transpose(0, 1, 2, 4, 3, 5).reshape(*blocks.shape[:3], width // 2, 4)
        self.winner = flat.argmax(axis=-1)
        return np.take_along_axis(flat, self.winner[..., None], axis=-1)[..., 0]

    def backward(self, dout):
        height, width = dout.shape[2:]
        flat = np.zeros((*dout.shape, 4), dout.dtype)
        np.put_along_axis(flat, self.winner[..., None], dout[..., None], axis=-1)
        blocks = flat.reshape(*dout.shape, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        dx = np.zeros(self.shape, dout.dtype)
        dx[:, :, : 2 * height, : 2 * width] = blocks.reshape(*dout.shape[:2], 2 * height, 2 * width)
        return dx


class MaxPoolSpreadsEvenly(MaxPool):
    """The backward of average pooling."""

    def backward(self, dout):
        dx = np.zeros(self.shape, dout.dtype)
        even = np.repeat(np.repeat(dout / 4, 2, axis=2), 2, axis=3)
        dx[:, :, : even.shape[2], : even.shape[3]] = even
        return dx


class OverlappingMaxPool:
    """Windows of 2 by 2, one step apart."""

    def forward(self, x):
        self.x = x
        self.shifted = [x[:, :, i : x.shape[2] - 1 + i, j : x.shape[3] - 1 + j] for i, j in _FOUR]
        self.winner = np.argmax(self.shifted, axis=0)
        return np.max(self.shifted, axis=0)

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        height, width = dout.shape[2:]
        for k, (i, j) in enumerate(_FOUR):
            dx[:, :, i : i + height, j : j + width] += dout * (self.winner == k)
        return dx


class OverlappingMaxPoolOverwrites(OverlappingMaxPool):
    def backward(self, dout):
        dx = np.zeros_like(self.x)
        height, width = dout.shape[2:]
        for k, (i, j) in enumerate(_FOUR):
            window = dx[:, :, i : i + height, j : j + width]
            window[self.winner == k] = dout[self.winner == k]
        return dx


class GlobalAveragePool:
    """BCSS to BC."""

    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dout):
        positions = self.shape[2] * self.shape[3]
        return np.broadcast_to(dout[:, :, None, None] / positions, self.shape).copy()


class GlobalAveragePoolForgetsTheCount(GlobalAveragePool):
    def backward(self, dout):
        return np.broadcast_to(dout[:, :, None, None], self.shape).copy()


class ZeroPad:
    def forward(self, x):
        return _pad(x, 2)

    def backward(self, dout):
        return dout[:, :, 2:-2, 2:-2]


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dout):
        return dout.reshape(self.shape)


class FlattenBackwardInFortranOrder(Flatten):
    def backward(self, dout):
        batch, *rest = self.shape
        return dout.reshape(batch, *rest[::-1]).transpose(0, 3, 2, 1)


class SqueezesEverything:
    """Removes every axis of size 1, the batch's too."""

    def forward(self, x):
        self.shape = x.shape
        return np.squeeze(x)

    def backward(self, dout):
        return dout.reshape(self.shape)


def _pad(x, p):
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))


_FOUR = ((0, 0), (0, 1), (1, 0), (1, 1))
_IMAGES = "BCSS:3,2,7,5"
_CONV = {"W": normal(4, 2, 3, 3), "b": normal(4)}
_X = "gradients.input:x"

CORRECT = (
    right(Conv2d, _IMAGES, init=_CONV),
    right(Conv2d, _IMAGES, init={**_CONV, "pad": 0}, name="images.Conv2d without padding"),
    right(Conv2dEmptyCrop, _IMAGES, init=_CONV, note="The slice is right for p > 0."),
    right(MaxPool, _IMAGES),
    right(OverlappingMaxPool, _IMAGES),
    right(GlobalAveragePool, _IMAGES),
    right(ZeroPad, _IMAGES),
    right(Flatten, _IMAGES),
)

BROKEN = (
    wrong(Conv2dOverwrites, _IMAGES, init=_CONV, fails=_X),
    wrong(
        Conv2dEmptyCrop,
        _IMAGES,
        init={**_CONV, "pad": 0},
        name="images.Conv2dEmptyCrop without padding",
        fails="shapes.gradients",
    ),
    wrong(Conv2dKernelGradientReversed, _IMAGES, init=_CONV, fails="gradients.learnable:params.W"),
    wrong(Conv2dKernelFlippedInDx, _IMAGES, init=_CONV, fails=_X),
    wrong(Conv2dBiasOverTheBatchOnly, _IMAGES, init=_CONV, fails="gradients.learnable:params.b"),
    wrong(
        Conv2dForBatchesOfThree,
        _IMAGES,
        init=_CONV,
        fails="batch.single_observation batch.other_batch_sizes",
    ),
    wrong(MaxPoolSpreadsEvenly, _IMAGES, fails=_X),
    wrong(OverlappingMaxPoolOverwrites, _IMAGES, fails=_X),
    wrong(GlobalAveragePoolForgetsTheCount, _IMAGES, fails=_X),
    wrong(FlattenBackwardInFortranOrder, _IMAGES, fails=_X),
    wrong(SqueezesEverything, "BCSS:3,2,7,5", fails="batch.single_observation"),
)
