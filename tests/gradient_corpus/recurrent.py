"""Recurrent layers over sequences CTB, with states that have gradients."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal
from tests.gradient_corpus.smooth import sigmoid


class Recurrent:
    """One step after the other; a layer says what a step is and how to go back through it."""

    state_gradients = True
    states: tuple[str, ...] = ("h",)
    units = 4

    def __init__(self):
        for name in (*self.learnables, *self.states):
            setattr(self, name, None)

    def initialize(self, layout):
        channels, _, observations = layout.size
        if self.b is None:
            self.W = normal(self.gates * self.units, channels)
            self.R = normal(self.gates * self.units, self.units)
            self.b = normal(self.gates * self.units, 1)
        for name in self.states:
            if getattr(self, name) is None:
                setattr(self, name, np.zeros((self.units, observations)))

    def output_layout(self, layout):
        return layout.with_size("C", self.units)

    def reset_state(self):
        for name in self.states:
            setattr(self, name, np.zeros_like(getattr(self, name)))

    def predict(self, x):
        return self.forward(x)[0]

    def start(self, x):
        states = tuple(getattr(self, name) for name in self.states)
        if states[0].shape[1] == x.shape[2]:
            return states
        return tuple(np.zeros((self.units, x.shape[2]), x.dtype) for _ in states)

    def forward(self, x):
        states, outputs, memory = self.start(x), [], []
        for t in range(x.shape[1]):
            states, kept = self.step(x[:, t], *states)
            outputs.append(states[0])
            memory.append(kept)
        for name, value in zip(self.states, states, strict=True):
            setattr(self, name, value)
        return np.stack(outputs, axis=1), memory

    def backward(self, x, z, dz, *others):
        *dstates, memory = others
        dx = np.empty_like(x)
        dweights = [np.zeros_like(getattr(self, name)) for name in self.learnables]
        for t in reversed(range(x.shape[1])):
            dstates[0] = dstates[0] + dz[:, t]
            dx[:, t], dstates, steps = self.step_back(dstates, memory[t])
            dweights = [self.gather(dw, step) for dw, step in zip(dweights, steps, strict=True)]
        return dx, *dweights, *dstates

    def gather(self, total, step):
        return total + step

    def of_weights(self, x, h, da):
        return da @ x.T, da @ h.T, da.sum(axis=1, keepdims=True)


class RNN(Recurrent):
    """h' = tanh(W x + R h + b)."""

    learnables = ("W", "R", "b")
    gates = 1

    def step(self, x, h):
        new = np.tanh(self.W @ x + self.R @ h + self.b)
        return (new,), (x, h, new)

    def slope(self, h):
        return 1 - h**2

    def back_in_time(self, da):
        return self.R.T @ da

    def step_back(self, dstates, kept):
        x, h, new = kept
        da = dstates[0] * self.slope(new)
        return self.W.T @ da, [self.back_in_time(da)], self.of_weights(x, h, da)


class RNNNotTransposed(RNN):
    def back_in_time(self, da):
        return self.R @ da


class RNNTruncated(RNN):
    def back_in_time(self, da):
        return 0 * da


class RNNWithoutTanh(RNN):
    def slope(self, h):
        return np.ones_like(h)


class RNNFirstStepOnly(RNN):
    def gather(self, total, step):
        return step


class RNNSlicesUnits(RNN):
    def step_back(self, dstates, kept):
        dx, others, steps = super().step_back(dstates, kept)
        return self.W[: len(dx)].T @ (dstates[0] * self.slope(kept[2]))[: len(dx)], others, steps


class RNNStateDetached(RNN):
    def backward(self, *arguments):
        *gradients, dh = super().backward(*arguments)
        return *gradients, np.zeros_like(dh)


class RNNIgnoresStateUpstream(RNN):
    def backward(self, x, z, dz, dh, memory):
        return super().backward(x, z, dz, 0 * dh, memory)


class RNNLastUpstreamOnly(RNN):
    def backward(self, x, z, dz, dh, memory):
        last = np.zeros_like(dz)
        last[:, -1] = dz[:, -1]
        return super().backward(x, z, last, dh, memory)


class RNNRecurrentOfNew(RNN):
    def step_back(self, dstates, kept):
        new = kept[2]
        dx, others, (dW, _, db) = super().step_back(dstates, kept)
        da = dstates[0] * self.slope(new)
        return dx, others, (dW, da @ new.T, db)


class LSTM(Recurrent):
    """Gates in the order i, f, g, o."""

    learnables = ("W", "R", "b")
    states = ("h", "c")
    gates = 4

    def step(self, x, h, c):
        a = self.W @ x + self.R @ h + self.b
        i, f, g, o = np.split(a, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        new = f * c + i * g
        return (o * np.tanh(new), new), (x, h, c, new, i, f, g, o)

    def into_cell(self, dh, dc, new, o):
        return dc + dh * o * (1 - np.tanh(new) ** 2)

    def forget(self, dc, c, f):
        return dc * c * f * (1 - f)

    def cell_before(self, dc, f):
        return dc * f

    def order(self, *gates):
        return np.concatenate(gates)

    def step_back(self, dstates, kept):
        dh, dc = dstates
        x, h, c, new, i, f, g, o = kept
        dc = self.into_cell(dh, dc, new, o)
        di, df, dg = dc * g * i * (1 - i), self.forget(dc, c, f), dc * i * (1 - g**2)
        da = self.order(di, df, dg, dh * np.tanh(new) * o * (1 - o))
        return self.W.T @ da, [self.R.T @ da, self.cell_before(dc, f)], self.of_weights(x, h, da)


class LSTMWithoutTanh(LSTM):
    def into_cell(self, dh, dc, new, o):
        return dc + dh * o


class LSTMForgetsCell(LSTM):
    def into_cell(self, dh, dc, new, o):
        return dh * o * (1 - np.tanh(new) ** 2)


class LSTMForgetGateDetached(LSTM):
    def forget(self, dc, c, f):
        return 0 * dc


class LSTMForgetGateWithoutSlope(LSTM):
    def forget(self, dc, c, f):
        return dc * c


class LSTMCellNotForgotten(LSTM):
    def cell_before(self, dc, f):
        return dc


class LSTMGatesInOtherOrder(LSTM):
    """Backward has the gates as i, f, o, g."""

    def backward(self, *arguments):
        dx, *dweights, dh, dc = super().backward(*arguments)
        moved = (np.concatenate([*np.split(dw, 4)[:2], *np.split(dw, 4)[:1:-1]]) for dw in dweights)
        return dx, *moved, dh, dc


class LSTMCellStateDetached(LSTM):
    def backward(self, *arguments):
        *gradients, dc = super().backward(*arguments)
        return *gradients, np.zeros_like(dc)


class LSTMStatesSwapped(LSTM):
    def backward(self, *arguments):
        *gradients, dh, dc = super().backward(*arguments)
        return *gradients, dc, dh


class GRU(Recurrent):
    """r and u are gates, n the candidate: h' = (1 - u) n + u h."""

    learnables = ("W", "R", "b")
    gates = 3

    def step(self, x, h):
        ar, au, an = np.split(self.W @ x + self.b, 3)
        hr, hu, hn = np.split(self.R @ h, 3)
        r, u = sigmoid(ar + hr), sigmoid(au + hu)
        n = np.tanh(an + r * hn)
        return ((1 - u) * n + u * h,), (x, h, r, u, n, hn)

    def update(self, dh, h, n, u):
        return dh * (h - n) * u * (1 - u)

    def kept(self, dh, u):
        return dh * u

    def reset(self, dn, hn, r):
        return dn * hn * r * (1 - r)

    def through_reset(self, dn, r):
        return dn * r

    def step_back(self, dstates, kept):
        (dh,), (x, h, r, u, n, hn) = dstates, kept
        dn = dh * (1 - u) * (1 - n**2)
        dr, du = self.reset(dn, hn, r), self.update(dh, h, n, u)
        da = np.concatenate([dr, du, dn])
        dr_h = np.concatenate([dr, du, self.through_reset(dn, r)])
        weights = da @ x.T, dr_h @ h.T, da.sum(axis=1, keepdims=True)
        return self.W.T @ da, [self.R.T @ dr_h + self.kept(dh, u)], weights


class GRUWithoutKept(GRU):
    def kept(self, dh, u):
        return 0


class GRUUpdateSign(GRU):
    def update(self, dh, h, n, u):
        return dh * (n - h) * u * (1 - u)


class GRUResetDetached(GRU):
    def reset(self, dn, hn, r):
        return 0 * dn


class GRUResetOpen(GRU):
    def through_reset(self, dn, r):
        return dn
