"""Peephole LSTM over a sequence CBT, with its states and their gradients.

Shows recurrent states: the passes read and replace `h` and `c`, and `backward` takes and
returns their gradients, so that a sequence may be cut anywhere.
"""

from __future__ import annotations

import numpy as np


def sigmoid(a):
    """Return 1 / (1 + exp(-a)), which tanh computes without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * a))


class PeepholeLSTM:
    """i, f and o are gates, g is the candidate; i and f see the old cell state, o the new one.

    i = sigmoid(W_i x + R_i h + p_i c + b_i)      c' = f c + i g
    f = sigmoid(W_f x + R_f h + p_f c + b_f)      o = sigmoid(W_o x + R_o h + p_o c' + b_o)
    g = tanh(W_g x + R_g h + b_g)                 h' = o tanh(c')

    Parameters
    ----------
    units : int
        Number of hidden units.
    seed : int
        Seed of the initial weights.
    """

    learnables = ("W", "R", "p", "b")
    states = ("h", "c")

    def __init__(self, units=5, seed=0):
        self.units = units
        self.seed = seed
        self.W = self.R = self.p = self.b = None
        self.h = self.c = None

    def initialize(self, layout):
        """Draw the weights for the channels of the layout, and start from zero states."""
        channels, observations, _ = layout.size
        if self.W is None:
            rng = np.random.default_rng(self.seed)
            self.W = rng.normal(size=(4, self.units, channels)) / np.sqrt(channels)
            self.R = rng.normal(size=(4, self.units, self.units)) / np.sqrt(self.units)
            self.p = rng.normal(size=(3, self.units, 1)) / 2
            self.b = rng.normal(size=(4, self.units, 1)) / 2
        if self.h is None:
            self.h = np.zeros((self.units, observations))
            self.c = np.zeros((self.units, observations))

    def reset_state(self):
        """Forget the sequence seen so far."""
        self.h = np.zeros_like(self.h)
        self.c = np.zeros_like(self.c)

    def predict(self, x):
        """Return the hidden state of every step."""
        z, _ = self.forward(x)
        return z

    def forward(self, x):
        """Return the hidden state of every step, and what backward needs of each."""
        h, c = self._start(x)
        outputs, memory = [], []
        for t in range(x.shape[2]):
            old = x[:, :, t], h, c
            h, c, gates = self._step(*old)
            outputs.append(h)
            memory.append((*old, c, *gates))
        self.h, self.c = h, c
        return np.stack(outputs, axis=2), memory

    def backward(self, x, z, dz, dh, dc, memory):
        """Return the gradients of x, of the learnables and of the states before the pass."""
        dx = np.empty_like(x)
        dW, dR = np.zeros_like(self.W), np.zeros_like(self.R)
        dp, db = np.zeros_like(self.p), np.zeros_like(self.b)
        for t in reversed(range(x.shape[2])):
            da, dc, steps = self._step_backward(dz[:, :, t] + dh, dc, memory[t])
            x_t, h_old = memory[t][:2]
            dx[:, :, t] = np.einsum("khd,khb->db", self.W, da)
            dh = np.einsum("khj,khb->jb", self.R, da)
            dW += np.einsum("khb,db->khd", da, x_t)
            dR += np.einsum("khb,jb->khj", da, h_old)
            dp += steps
            db += da.sum(axis=2, keepdims=True)
        return dx, dW, dR, dp, db, dh, dc

    def _start(self, x):
        """Return the states, as zeros where they belong to another number of observations."""
        if self.h.shape[1] == x.shape[1]:
            return self.h, self.c
        zeros = np.zeros((self.units, x.shape[1]), dtype=x.dtype)
        return zeros, zeros

    def _step(self, x, h, c):
        a = self.W @ x + self.R @ h + self.b
        i = sigmoid(a[0] + self.p[0] * c)
        f = sigmoid(a[1] + self.p[1] * c)
        g = np.tanh(a[2])
        c_new = f * c + i * g
        o = sigmoid(a[3] + self.p[2] * c_new)
        return o * np.tanh(c_new), c_new, (i, f, g, o)

    def _step_backward(self, dh, dc, memory):
        _, _, c, c_new, i, f, g, o = memory
        tanh_c = np.tanh(c_new)
        da_o = dh * tanh_c * o * (1 - o)
        dc_new = dc + dh * o * (1 - tanh_c**2) + da_o * self.p[2]
        da_i = dc_new * g * i * (1 - i)
        da_f = dc_new * c * f * (1 - f)
        da_g = dc_new * i * (1 - g**2)
        dc_old = dc_new * f + da_i * self.p[0] + da_f * self.p[1]
        dp = np.stack([da_i * c, da_f * c, da_o * c_new]).sum(axis=2, keepdims=True)
        return np.stack([da_i, da_f, da_g, da_o]), dc_old, dp
