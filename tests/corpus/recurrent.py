"""Recurrent layers: sequences in conventions A and native, states with and without gradients."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


class TimeRnn:
    """Sequences BTC from a zero state."""

    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, xs):
        Wx, Wh, b = self.params
        self.xs = xs
        self.hs = np.zeros((len(xs), xs.shape[1] + 1, len(b)), xs.dtype)
        for t in range(xs.shape[1]):
            self.hs[:, t + 1] = np.tanh(xs[:, t] @ Wx + self.hs[:, t] @ Wh + b)
        return self.hs[:, 1:].copy()

    def backward(self, dhs):
        Wx, Wh, _ = self.params
        dxs = np.empty_like(self.xs)
        totals = [np.zeros_like(p) for p in self.params]
        dh = np.zeros_like(dhs[:, 0])
        for t in reversed(range(dhs.shape[1])):
            da = (dhs[:, t] + dh) * (1 - self.hs[:, t + 1] ** 2)
            totals[0] += self.xs[:, t].T @ da
            totals[1] += self.hs[:, self._old(t)].T @ da
            totals[2] += da.sum(axis=0)
            dxs[:, t] = da @ Wx.T
            dh = self._carry(da @ Wh.T)
        for grad, total in zip(self.grads, totals, strict=True):
            grad[...] = total
        return dxs

    def _old(self, t):
        return t

    def _carry(self, dh):
        return dh


class TimeRnnTruncatedToOneStep(TimeRnn):
    def _carry(self, dh):
        return np.zeros_like(dh)


class TimeRnnTakesTheNewState(TimeRnn):
    """Off by one in the list of hidden states."""

    def _old(self, t):
        return t + 1


class TimeRnnInSinglePrecision(TimeRnn):
    """Allocates outputs and gradients with dtype 'f'."""

    def forward(self, xs):
        return super().forward(xs).astype("f")

    def backward(self, dhs):
        return super().backward(dhs).astype("f")


class Gru:
    """Sequences BTC from a zero state, one array for each gate."""

    def __init__(self, units=4, inputs=3):
        self.Wz, self.Wr, self.Wn = (normal(inputs, units, seed=k) for k in range(3))
        self.Uz, self.Ur, self.Un = (normal(units, units, seed=k) for k in range(3))

    def forward(self, x):
        h = np.zeros((len(x), len(self.Uz)), x.dtype)
        self.x, self.steps, outputs = x, [], []
        for t in range(x.shape[1]):
            z = sigmoid(x[:, t] @ self.Wz + h @ self.Uz)
            r = sigmoid(x[:, t] @ self.Wr + h @ self.Ur)
            n = np.tanh(x[:, t] @ self.Wn + (r * h) @ self.Un)
            self.steps.append((h, z, r, n))
            h = (1 - z) * n + z * h
            outputs.append(h)
        return np.stack(outputs, axis=1)

    def backward(self, dout):
        names = ("Wz", "Wr", "Wn", "Uz", "Ur", "Un")
        total = {name: np.zeros_like(getattr(self, name)) for name in names}
        dx, dh = np.empty_like(self.x), np.zeros_like(dout[:, 0])
        for t in reversed(range(dout.shape[1])):
            h, z, r, n = self.steps[t]
            dh = dh + dout[:, t]
            dz = dh * (h - n) * z * (1 - z)
            dn = dh * (1 - z) * (1 - n**2)
            drh = dn @ self.Un.T
            dr = drh * h * r * (1 - r)
            for name, gate, state in (("z", dz, h), ("r", dr, h), ("n", dn, r * h)):
                total["W" + name] += self.x[:, t].T @ gate
                total["U" + name] += state.T @ gate
            dx[:, t] = dz @ self.Wz.T + dr @ self.Wr.T + dn @ self.Wn.T
            dh = dh * z + drh * self._reset(r) + dz @ self.Uz.T + dr @ self.Ur.T
        for name in names:
            setattr(self, "d" + name, total[name])
        return dx

    def _reset(self, r):
        return r


class GruWithoutResetGate(Gru):
    """The way back to the old state skips the reset gate."""

    def _reset(self, r):
        return np.ones_like(r)


class StatefulRnn:
    """Native, CBT, with a state that is carried and has gradients."""

    learnables = ("W", "R")
    states = ("h",)

    def __init__(self, units=4):
        self.units = units
        self.W = self.h = None

    def initialize(self, layout):
        channels, observations, _ = layout.size
        if self.W is None:
            self.W, self.R = normal(self.units, channels), normal(self.units, self.units)
        if self.h is None:
            self.h = np.zeros((self.units, observations))

    def reset_state(self):
        self.h = np.zeros_like(self.h)

    def predict(self, x):
        h, outputs = self.h, []
        for t in range(x.shape[2]):
            h = np.tanh(self.W @ x[:, :, t] + self.R @ h)
            outputs.append(h)
        self.h = self._kept(outputs).copy()
        return np.stack(outputs, axis=2)

    def forward(self, x):
        start = self.h.copy()
        return self.predict(x), start

    def backward(self, x, z, dz, dh, memory):
        dx, dW, dR = np.empty_like(x), np.zeros_like(self.W), np.zeros_like(self.R)
        dz = self._seeded(dz, dh)
        carried = np.zeros_like(dh)
        for t in reversed(range(x.shape[2])):
            da = (dz[:, :, t] + carried) * (1 - z[:, :, t] ** 2)
            dx[:, :, t] = self.W.T @ da
            dW += da @ x[:, :, t].T
            dR += da @ (z[:, :, t - 1] if t else memory).T
            carried = self.R.T @ da
        return dx, dW, dR, carried

    def _kept(self, outputs):
        return outputs[-1]

    def _seeded(self, dz, dh):
        dz = dz.copy()
        dz[:, :, -1] += dh
        return dz


class StatefulRnnDetachesTheState(StatefulRnn):
    def backward(self, x, z, dz, dh, memory):
        dx, dW, dR, carried = super().backward(x, z, dz, dh, memory)
        return dx, dW, dR, np.zeros_like(carried)


class StatefulRnnIgnoresStateUpstream(StatefulRnn):
    def _seeded(self, dz, dh):
        return dz


class StatefulRnnKeepsTheFirstStep(StatefulRnn):
    """Carries the state after the first step, with the gradients that belong to it."""

    def _kept(self, outputs):
        return outputs[0]

    def _seeded(self, dz, dh):
        dz = dz.copy()
        dz[:, :, 0] += dh
        return dz


class StatefulRnnResetsToOnes(StatefulRnn):
    def reset_state(self):
        self.h = np.ones_like(self.h)


class MovingAverage:
    """Native, BC: a state that has no gradients of its own."""

    states = ("mean",)

    def initialize(self, layout):
        self.mean = np.zeros(layout.size[layout.find("C")])

    def reset_state(self):
        self.mean = np.zeros_like(self.mean)

    def predict(self, x):
        return x - self.mean

    def forward(self, x):
        self.mean = 0.5 * self.mean + 0.5 * x.mean(axis=0)
        return x.copy(), None

    def backward(self, x, z, dz, memory):
        return dz


_SEQUENCES = "BTC:3,6,2"
_RNN = {"Wx": normal(2, 4), "Wh": normal(4, 4), "b": normal(4)}
_STATEFUL = "CBT:3,2,6"
_ALL = "gradients.input:x gradients.learnable:W gradients.learnable:R"

CORRECT = (
    right(TimeRnn, _SEQUENCES, init=_RNN),
    right(Gru, "BTC:2,5,3"),
    right(StatefulRnn, _STATEFUL),
    right(MovingAverage, "BC:4,6"),
)

BROKEN = (
    wrong(
        TimeRnnTruncatedToOneStep,
        _SEQUENCES,
        init=_RNN,
        fails="gradients.input:xs gradients.learnable:params.0 gradients.learnable:params.1 "
        "gradients.learnable:params.2",
    ),
    wrong(TimeRnnTakesTheNewState, _SEQUENCES, init=_RNN, fails="gradients.learnable:params.1"),
    wrong(TimeRnnInSinglePrecision, _SEQUENCES, init=_RNN, fails="dtypes.outputs dtypes.gradients"),
    wrong(
        GruWithoutResetGate,
        "BTC:2,5,3",
        fails=" ".join(
            ["gradients.input:x", *(f"gradients.learnable:{a}{b}" for a in "WU" for b in "zrn")]
        ),
    ),
    wrong(StatefulRnnDetachesTheState, _STATEFUL, fails="gradients.state:h"),
    wrong(StatefulRnnIgnoresStateUpstream, _STATEFUL, fails=f"{_ALL} gradients.state:h"),
    wrong(StatefulRnnKeepsTheFirstStep, _STATEFUL, fails="state.sequence_in_chunks"),
    wrong(StatefulRnnResetsToOnes, _STATEFUL, fails="state.reset"),
)
