"""Normalisation over the batch, the channels, groups of them, and by length."""

from __future__ import annotations

import numpy as np


class Normalisation:
    """z = gamma (x - mean) / std + beta, with mean and std over `axes` of images SSCB."""

    learnables = ("gamma", "beta")
    axes = (0, 1, 3)
    eps = 1e-5

    def __init__(self):
        self.gamma = None
        self.beta = None

    def initialize(self, layout):
        if self.gamma is None:
            channels = layout.size[layout.find("C")]
            self.gamma = layout.along("C", np.linspace(0.6, 1.4, channels))
            self.beta = layout.along("C", np.linspace(-0.5, 0.7, channels))

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        centred = x - self.mean(x)
        std = np.sqrt(self.mean(centred**2) + self.eps)
        xn = centred / std
        return self.gamma * xn + self.beta, (xn, std)

    def mean(self, x):
        return np.zeros_like(x) + x.mean(axis=self.axes, keepdims=True)

    def over(self, dz):
        return dz.sum(axis=(0, 1, 3), keepdims=True)

    def dxn(self, dz):
        return dz * self.gamma

    def dx(self, dxn, xn, std):
        return (dxn - self.mean(dxn) - xn * self.mean(dxn * xn)) / std

    def backward(self, x, z, dz, memory):
        xn, std = memory
        return self.dx(self.dxn(dz), xn, std), self.over(dz * xn), self.over(dz)


class BatchNorm(Normalisation):
    """Statistics of the batch in training, running ones in predict."""

    states = ("running_mean", "running_variance")

    def __init__(self):
        super().__init__()
        self.running_mean = None
        self.running_variance = None

    def initialize(self, layout):
        super().initialize(layout)
        if self.running_mean is None:
            self.running_mean = np.zeros_like(self.gamma)
            self.running_variance = np.ones_like(self.gamma)

    def predict(self, x):
        std = np.sqrt(self.running_variance + self.eps)
        return self.gamma * (x - self.running_mean) / std + self.beta

    def forward(self, x):
        mean = x.mean(axis=self.axes, keepdims=True)
        variance = x.var(axis=self.axes, keepdims=True)
        self.running_mean = 0.9 * self.running_mean + 0.1 * mean
        self.running_variance = 0.9 * self.running_variance + 0.1 * variance
        return super().forward(x)


class BatchNormWithoutMeanPath(BatchNorm):
    def dx(self, dxn, xn, std):
        return (dxn - xn * self.mean(dxn * xn)) / std


class BatchNormWithoutVariancePath(BatchNorm):
    def dx(self, dxn, xn, std):
        return (dxn - self.mean(dxn)) / std


class BatchNormDetached(BatchNorm):
    def dx(self, dxn, xn, std):
        return dxn / std


class BatchNormHalfVariancePath(BatchNorm):
    def dx(self, dxn, xn, std):
        return (dxn - self.mean(dxn) - 0.5 * xn * self.mean(dxn * xn)) / std


class BatchNormWithoutGamma(BatchNorm):
    def dxn(self, dz):
        return dz


class BatchNormWithoutStd(BatchNorm):
    def dx(self, dxn, xn, std):
        return super().dx(dxn, xn, np.ones_like(std))


class BatchNormOneImage(BatchNorm):
    """Backward takes its means over the pixels of each image alone."""

    def backward(self, x, z, dz, memory):
        self.axes = (0, 1)
        gradients = super().backward(x, z, dz, memory)
        self.axes = BatchNorm.axes
        return gradients


class BatchNormGammaOfInput(BatchNorm):
    def backward(self, x, z, dz, memory):
        dx, _, dbeta = super().backward(x, z, dz, memory)
        return dx, self.over(dz * x), dbeta


class BatchNormGammaOfOutput(BatchNorm):
    def backward(self, x, z, dz, memory):
        dx, _, dbeta = super().backward(x, z, dz, memory)
        return dx, self.over(dz * z), dbeta


class BatchNormSwapped(BatchNorm):
    def backward(self, x, z, dz, memory):
        dx, dgamma, dbeta = super().backward(x, z, dz, memory)
        return dx, dbeta, dgamma


class BatchNormMean(BatchNorm):
    def over(self, dz):
        return dz.mean(axis=(0, 1, 3), keepdims=True)


class BatchNormBetaWithoutPixels(BatchNorm):
    def backward(self, x, z, dz, memory):
        dx, dgamma, _ = super().backward(x, z, dz, memory)
        return dx, dgamma, self.over(dz[:1, :1])


class BatchNormSumsForMeans(BatchNorm):
    def dx(self, dxn, xn, std):
        return (dxn - self.over(dxn) - xn * self.over(dxn * xn)) / std


class LayerNorm(Normalisation):
    """Statistics over C: every pixel for itself."""

    axes = (2,)


class LayerNormWithoutMeanPath(LayerNorm):
    def dx(self, dxn, xn, std):
        return (dxn - xn * self.mean(dxn * xn)) / std


class LayerNormMeansOverBatch(LayerNorm):
    def backward(self, x, z, dz, memory):
        self.axes = (3,)
        gradients = super().backward(x, z, dz, memory)
        self.axes = LayerNorm.axes
        return gradients


class LayerNormGammaLast(LayerNorm):
    def backward(self, x, z, dz, memory):
        xn, std = memory
        _, dgamma, dbeta = super().backward(x, z, dz, memory)
        return self.gamma * self.dx(dz, xn, std), dgamma, dbeta


class LayerNormOnePassVariance(LayerNorm):
    def dx(self, dxn, xn, std):
        return (dxn - self.mean(dxn) - 2 * xn * self.mean(dxn * xn)) / std


class InstanceNorm(Normalisation):
    """Statistics over the pixels of each channel of each image."""

    axes = (0, 1)


class InstanceNormAsBatchNorm(InstanceNorm):
    def backward(self, x, z, dz, memory):
        self.axes = (0, 1, 3)
        gradients = super().backward(x, z, dz, memory)
        self.axes = InstanceNorm.axes
        return gradients


class InstanceNormWithoutVariancePath(InstanceNorm):
    def dx(self, dxn, xn, std):
        return (dxn - self.mean(dxn)) / std


class GroupNorm(Normalisation):
    """Statistics over the pixels and the channels of a group, three channels each."""

    channels = 3

    def mean(self, x):
        groups = x.reshape(*x.shape[:2], -1, self.channels, x.shape[3])
        mean = groups.mean(axis=(0, 1, 3), keepdims=True)
        return (np.zeros_like(groups) + mean).reshape(x.shape)


class GroupNormOneGroup(GroupNorm):
    """Backward forgets that there are groups."""

    def dx(self, dxn, xn, std):
        self.channels = dxn.shape[2]
        dx = super().dx(dxn, xn, std)
        self.channels = GroupNorm.channels
        return dx


class GroupNormInterleaved(GroupNorm):
    """Backward takes channels 0, 2, 4 for a group."""

    def dx(self, dxn, xn, std):
        order = np.arange(dxn.shape[2]).reshape(self.channels, -1).T.ravel()
        back = np.argsort(order)
        mixed = (array[:, :, order] for array in (dxn, xn, std))
        return super().dx(*mixed)[:, :, back]
