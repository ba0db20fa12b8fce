"""Layers whose states are statistics that only predict reads: batch normalization and kin."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class BatchNorm:
    """With a train flag."""

    def __init__(self, gamma, beta, momentum=0.9, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.eps = eps
        self.running_mean = np.zeros_like(gamma)
        self.running_var = np.ones_like(gamma)
        self.dgamma = None
        self.dbeta = None

    def forward(self, x, train_flg=True):
        if not train_flg:
            std = np.sqrt(self.running_var + self.eps)
            return self.gamma * (x - self.running_mean) / std + self.beta
        mean = x.mean(axis=0)
        var = ((x - mean) ** 2).mean(axis=0)
        self.std = np.sqrt(var + self.eps)
        self.xn = (x - mean) / self.std
        self._update(mean, var)
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xn).sum(axis=0)
        dxn = dout * self.gamma
        return (dxn - dxn.mean(axis=0) - self.xn * (dxn * self.xn).mean(axis=0)) / self.std

    def _update(self, mean, var):
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var


class BatchNormDetachedStatistics(BatchNorm):
    def backward(self, dout):
        super().backward(dout)
        return dout * self.gamma / self.std


class BatchNormWithoutVarianceTerm(BatchNorm):
    def backward(self, dout):
        super().backward(dout)
        dxn = dout * self.gamma
        return (dxn - dxn.mean(axis=0)) / self.std


class BatchNormUpdatesInEvaluation(BatchNorm):
    def forward(self, x, train_flg=True):
        if not train_flg:
            self._update(x.mean(axis=0), x.var(axis=0))
        return super().forward(x, train_flg)


class BatchNormStatesKeepAxis(BatchNorm):
    def _update(self, mean, var):
        super()._update(mean[None], var[None])


class BatchNormStatesInFloat64(BatchNorm):
    def _update(self, mean, var):
        super()._update(mean.astype(np.float64), var.astype(np.float64))


class NativeBatchNorm:
    """Channels last, statistics as states."""

    learnables = ("scale", "offset")
    states = ("mean", "var")

    def initialize(self, layout):
        channels = layout.size[-1]
        self.scale, self.offset = 1 + normal(channels), normal(channels)
        self.reset_state()

    def reset_state(self):
        self.mean = np.zeros_like(self.offset)
        self.var = np.ones_like(self.scale)

    def predict(self, x):
        return self.scale * (x - self.mean) / np.sqrt(self.var + 1e-5) + self.offset

    def forward(self, x):
        others = tuple(range(x.ndim - 1))
        mean, var = x.mean(axis=others), x.var(axis=others)
        self._update(mean, var)
        std = np.sqrt(var + 1e-5)
        xn = (x - mean) / std
        return self.scale * xn + self.offset, (xn, std)

    def backward(self, x, z, dz, memory):
        xn, std = memory
        others = tuple(range(x.ndim - 1))
        dxn = dz * self.scale
        dx = (dxn - dxn.mean(axis=others) - xn * (dxn * xn).mean(axis=others)) / std
        return dx, (dz * xn).sum(axis=others), dz.sum(axis=others)

    def _update(self, mean, var):
        self.mean = 0.9 * self.mean + 0.1 * mean
        self.var = 0.9 * self.var + 0.1 * var


class NativeBatchNormResetsTheMeanOnly(NativeBatchNorm):
    def initialize(self, layout):
        super().initialize(layout)
        self.var = np.ones_like(self.scale)

    def reset_state(self):
        self.mean = np.zeros_like(self.offset)


class NativeBatchNormResetsTheScale(NativeBatchNorm):
    """reset_state takes the learnables along."""

    def reset_state(self):
        super().reset_state()
        self.scale = np.ones_like(self.scale)


class NativeBatchNormVarianceRunsAway(NativeBatchNorm):
    """The unbiased variance divides by N - 1 of a wrong N."""

    def _update(self, mean, var):
        with np.errstate(divide="ignore"):
            super()._update(mean, var / np.zeros_like(var))


class Whiten:
    """Centres in training by the mean over the batch, and by nothing at inference."""

    def predict(self, x):
        return x

    def forward(self, x):
        return x - x.mean(axis=0), None

    def backward(self, x, z, dz, memory):
        return dz - dz.mean(axis=0)


class CentredAlways:
    def predict(self, x):
        return x - x.mean(axis=0)

    def backward(self, x, z, dz, memory):
        return dz - dz.mean(axis=0)


_NORM = {"gamma": 1 + normal(3), "beta": normal(3)}
_MIXES = {"mixes": "B"}
_DATA = "BC:7,3"

CORRECT = (
    right(BatchNorm, _DATA, init=_NORM, note="That it mixes in training is found."),
    right(BatchNorm, _DATA, init=_NORM, declare=_MIXES, name="statistics.BatchNorm declared"),
    right(NativeBatchNorm, "BTC:4,5,3"),
    right(NativeBatchNorm, "BC:7,3", declare=_MIXES, name="statistics.NativeBatchNorm declared"),
    right(Whiten, _DATA),
    right(CentredAlways, _DATA, declare={"mixes": "B!"}),
)

BROKEN = (
    wrong(BatchNormDetachedStatistics, _DATA, init=_NORM, fails="gradients.input:x"),
    wrong(BatchNormWithoutVarianceTerm, _DATA, init=_NORM, fails="gradients.input:x"),
    wrong(
        BatchNormUpdatesInEvaluation,
        _DATA,
        init=_NORM,
        fails="state.predict_leaves_statistics batch.observations_independent "
        "batch.other_batch_sizes",
        note="Predict reads the statistics that it has just updated from the batch.",
    ),
    wrong(BatchNormStatesKeepAxis, _DATA, init=_NORM, fails="state.valid"),
    wrong(BatchNormStatesInFloat64, _DATA, init=_NORM, fails="dtypes.states state.valid"),
    wrong(
        BatchNorm,
        _DATA,
        init={**_NORM, "eps": 0.0},
        name="statistics.BatchNorm without eps",
        fails="numerics.zeros numerics.constant",
    ),
    wrong(NativeBatchNormResetsTheMeanOnly, _DATA, fails="state.reset"),
    wrong(NativeBatchNormResetsTheScale, _DATA, fails="state.valid state.reset"),
    wrong(NativeBatchNormVarianceRunsAway, _DATA, fails="state.valid"),
    wrong(
        CentredAlways,
        _DATA,
        name="statistics.CentredAlways undeclared",
        fails="batch.observations_independent batch.other_batch_sizes",
    ),
)
