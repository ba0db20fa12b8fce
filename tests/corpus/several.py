"""Several inputs, several outputs."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Multiply:
    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, dout):
        return dout * self.b, dout * self.a


class MultiplyReturnsListInOtherOrder(Multiply):
    def backward(self, dout):
        return [dout * self.a, dout * self.b]


class Concatenate:
    def forward(self, left, right):
        self.at = left.shape[1]
        return np.concatenate([left, right], axis=1)

    def backward(self, dout):
        return dout[:, : self.at], dout[:, self.at :]


class ConcatenateSplitsInTheMiddle(Concatenate):
    def backward(self, dout):
        middle = dout.shape[1] // 2
        return dout[:, :middle], dout[:, middle:]


class Split:
    def forward(self, x):
        return x[:, :2], x[:, 2:]

    def backward(self, dfirst, drest):
        return np.concatenate([dfirst, drest], axis=1)


class SplitForgetsTheRest(Split):
    def backward(self, dfirst, drest):
        return np.concatenate([dfirst, np.zeros_like(drest)], axis=1)


class Bilinear:
    """z_k = a W_k b + bias."""

    def __init__(self, W, bias):
        self.W, self.bias = W, bias

    def forward(self, a, b):
        self.a, self.b = a, b
        return np.einsum("bi,kij,bj->bk", a, self.W, b) + self.bias

    def backward(self, dout):
        self.dW = np.einsum("bk,bi,bj->kij", dout, self.a, self.b)
        self.dbias = dout.sum(axis=0)
        da = np.einsum("bk,kij,bj->bi", dout, self.W, self.b)
        db = np.einsum("bk,kij,bi->bj", dout, self.W, self.a)
        return da, db


class BilinearTransposed(Bilinear):
    def backward(self, dout):
        da, db = super().backward(dout)
        self.dW = self.dW.transpose(0, 2, 1)
        return da, db


class RnnCell:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        h_next = np.tanh(x @ Wx + h_prev @ Wh + b)
        self.cache = x, h_prev, h_next
        return h_next

    def backward(self, dh_next):
        Wx, Wh, _ = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next**2)
        self.grads[0][...] = x.T @ dt
        self.grads[1][...] = h_prev.T @ dt
        self.grads[2][...] = dt.sum(axis=0)
        return dt @ Wx.T, dt @ Wh.T


class RnnCellSwapsResults(RnnCell):
    def backward(self, dh_next):
        dx, dh_prev = super().backward(dh_next)
        return dh_prev, dx


class RnnCellWithoutTanh(RnnCell):
    """Only the bias gradient forgets the derivative of tanh."""

    def backward(self, dh_next):
        results = super().backward(dh_next)
        self.grads[2][...] = dh_next.sum(axis=0)
        return results


class LstmCell:
    def __init__(self, Wx, Wh, b):
        self.params = {"Wx": Wx, "Wh": Wh, "b": b}
        self.grads = {}

    def forward(self, x, h_prev, c_prev):
        p = self.params
        a = x @ p["Wx"] + h_prev @ p["Wh"] + p["b"]
        f, g, i, o = np.split(a, 4, axis=1)
        f, i, o = (0.5 * (1 + np.tanh(0.5 * gate)) for gate in (f, i, o))
        g = np.tanh(g)
        c_next = f * c_prev + g * i
        self.cache = x, h_prev, c_prev, i, f, g, o, c_next.copy()
        return o * np.tanh(c_next), c_next

    def backward(self, dh_next, dc_next):
        x, h_prev, c_prev, i, f, g, o, c_next = self.cache
        tanh_c = np.tanh(c_next)
        ds = self._cell(dh_next * o * (1 - tanh_c**2), dc_next)
        df, di = ds * c_prev * f * (1 - f), ds * g * i * (1 - i)
        do, dg = dh_next * tanh_c * o * (1 - o), ds * i * (1 - g**2)
        da = np.hstack([df, dg, di, do])
        self.grads = {"Wx": x.T @ da, "Wh": h_prev.T @ da, "b": da.sum(axis=0)}
        return da @ self.params["Wx"].T, da @ self.params["Wh"].T, ds * f

    def _cell(self, from_output, dc_next):
        return from_output + dc_next


class LstmCellForgetsDc(LstmCell):
    def _cell(self, from_output, dc_next):
        return from_output


class Attention:
    """Scaled dot products of sequences BTC."""

    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.scale = q.shape[-1] ** -0.5
        scores = self.scale * np.einsum("bqc,bkc->bqk", q, k)
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.p = powers / powers.sum(axis=-1, keepdims=True)
        return self.p @ v

    def backward(self, dout):
        dv = self._transposed(self.p) @ dout
        dp = np.einsum("bqc,bkc->bqk", dout, self.v)
        dscores = self.scale * self._softmax_backward(dp)
        return dscores @ self.k, self._transposed(dscores) @ self.q, dv

    def _transposed(self, p):
        return p.transpose(0, 2, 1)

    def _softmax_backward(self, dp):
        return self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True))


class AttentionNotTransposed(Attention):
    def _transposed(self, p):
        return p


class AttentionSoftmaxDiagonal(Attention):
    def _softmax_backward(self, dp):
        return self.p * dp * (1 - self.p)


class AttentionWithoutScale(Attention):
    def _softmax_backward(self, dp):
        return super()._softmax_backward(dp) / self.scale


_TWO = ("BC:4,6", "BC:4,6")
_BILINEAR = {"W": normal(3, 5, 5), "bias": normal(3)}
_CELL = {"Wx": normal(5, 5), "Wh": normal(5, 5, seed=1), "b": normal(5)}
_LSTM = {"Wx": normal(3, 20), "Wh": normal(5, 20), "b": normal(20)}
_STATES = ("BC:4,3", "BC:4,5", "BC:4,5")
_SEQUENCES = ("BTC:3,5,4", "BTC:3,5,4", "BTC:3,5,2")

CORRECT = (
    right(Multiply, *_TWO),
    right(Concatenate, "BC:4,2", "BC:4,5"),
    right(Split, "BC:4,6"),
    right(Bilinear, "BC:4,5", "BC:4,5", init=_BILINEAR),
    right(RnnCell, "BC:4,5", "BC:4,5", init=_CELL),
    right(LstmCell, *_STATES, init=_LSTM),
    right(Attention, *_SEQUENCES),
)

BROKEN = (
    wrong(MultiplyReturnsListInOtherOrder, *_TWO, fails="gradients.input:a gradients.input:b"),
    wrong(ConcatenateSplitsInTheMiddle, "BC:4,2", "BC:4,5", fails="shapes.gradients"),
    wrong(SplitForgetsTheRest, "BC:4,6", fails="gradients.input:x"),
    wrong(BilinearTransposed, "BC:4,5", "BC:4,5", init=_BILINEAR, fails="gradients.learnable:W"),
    wrong(
        RnnCellSwapsResults,
        "BC:4,5",
        "BC:4,5",
        init=_CELL,
        fails="gradients.input:x gradients.input:h_prev",
    ),
    wrong(
        RnnCellWithoutTanh,
        "BC:4,5",
        "BC:4,5",
        init=_CELL,
        fails="gradients.learnable:params.2",
    ),
    wrong(
        LstmCellForgetsDc,
        *_STATES,
        init=_LSTM,
        fails="gradients.input:x gradients.input:h_prev gradients.input:c_prev "
        "gradients.learnable:params.Wx gradients.learnable:params.Wh gradients.learnable:params.b",
    ),
    wrong(AttentionNotTransposed, *_SEQUENCES, fails="gradients.input:k gradients.input:v"),
    wrong(AttentionSoftmaxDiagonal, *_SEQUENCES, fails="gradients.input:q gradients.input:k"),
    wrong(AttentionWithoutScale, *_SEQUENCES, fails="gradients.input:q gradients.input:k"),
)
