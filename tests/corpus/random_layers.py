"""Layers that draw random numbers: from the global generator or from one of their own."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right, wrong


class Dropout:
    """Inverted dropout, global generator, stateful."""

    def __init__(self, dropout_ratio=0.25):
        self.keep = 1 - dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x
        self.mask = (np.random.rand(*x.shape) < self.keep).astype(x.dtype) / self.keep
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class DropoutNotInverted(Dropout):
    """Scales neither in training nor at inference."""

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x
        self.mask = (np.random.rand(*x.shape) < self.keep).astype(x.dtype)
        return x * self.mask


class DropoutScalesAtInference(DropoutNotInverted):
    """The book's first version: correct, the other way round."""

    def forward(self, x, train_flg=True):
        return super().forward(x) if train_flg else x * self.keep


class DropoutAlways(Dropout):
    def forward(self, x, train_flg=True):
        return super().forward(x, train_flg=True)


class DropoutForgetsScaleInBackward(Dropout):
    def backward(self, dout):
        return dout * (self.mask > 0)


class DropoutInfersMask(Dropout):
    """Takes the mask from where the output is positive, which negative x spoil."""

    def forward(self, x, train_flg=True):
        self.out = super().forward(x, train_flg)
        return self.out

    def backward(self, dout):
        return dout * (self.out > 0) / self.keep


class NativeDropout:
    """Its own generator, and the mask in the memory."""

    def __init__(self, rate=0.25, seed=3):
        self.keep = 1 - rate
        self.rng = np.random.default_rng(seed)

    def predict(self, x):
        return x

    def forward(self, x):
        mask = (self.rng.random(x.shape) < self.keep).astype(x.dtype) / self.keep
        return x * mask, mask

    def backward(self, x, z, dz, memory):
        return dz * memory


class NativeDropoutDrawsAgain(NativeDropout):
    def backward(self, x, z, dz, memory):
        mask = (self.rng.random(x.shape) < self.keep).astype(x.dtype) / self.keep
        return dz * mask


class GaussianNoise:
    """Noise in training, from a RandomState."""

    def __init__(self, sigma=0.1):
        self.sigma = sigma
        self.random = np.random.RandomState(0)

    def forward(self, x, training=True):
        if not training:
            return x
        return x + self.sigma * self.random.standard_normal(x.shape).astype(x.dtype)

    def backward(self, dout):
        return dout


class MultiplicativeNoise(GaussianNoise):
    def forward(self, x, training=True):
        if not training:
            return x
        self.factor = 1 + self.sigma * self.random.standard_normal(x.shape).astype(x.dtype)
        return x * self.factor

    def backward(self, dout):
        return dout * self.factor


class MultiplicativeNoiseDetached(MultiplicativeNoise):
    """Leaves the noise out of the gradient."""

    def backward(self, dout):
        return dout


class SeedsTheWorld:
    """Seeds the global generator so that its results can be repeated."""

    def forward(self, x):
        np.random.seed(1024)
        self.y = np.tanh(x)
        return self.y.copy()

    def backward(self, dout):
        return dout * (1 - self.y**2)


_X = "gradients.input:x"

CORRECT = (
    right(Dropout, "BC:4,6"),
    right(DropoutScalesAtInference, "BC:4,6"),
    right(NativeDropout, "BC:4,6"),
    right(GaussianNoise, "BC:4,6"),
    right(MultiplicativeNoise, "BC:4,6"),
)

BROKEN = (
    wrong(DropoutNotInverted, "BC:9,11", fails="state.training_mean"),
    wrong(DropoutAlways, "BC:4,6", fails="state.predict_is_deterministic"),
    wrong(DropoutForgetsScaleInBackward, "BC:4,6", fails=_X),
    wrong(DropoutInfersMask, "BC:4,6", fails=_X),
    wrong(NativeDropoutDrawsAgain, "BC:4,6", fails=f"{_X} gradients.repeatable"),
    wrong(MultiplicativeNoiseDetached, "BC:4,6", fails=_X),
    wrong(SeedsTheWorld, "BC:4,6", fails="purity.global_random_not_reseeded"),
)
