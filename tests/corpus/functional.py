"""`x_forward(x, w, b)` returns (out, cache), `x_backward(dout, cache)` gradients."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right, wrong


def affine_forward(x, w, b):
    out = x.reshape(len(x), -1) @ w + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def affine_backward_mean(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return dx, dw, db / len(dout)


def affine_backward_in_another_order(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return dw, db, dx


def affine_backward_loses_shape(dout, cache):
    _, w, _ = cache
    _, dw, db = affine_backward(dout, cache)
    return dout @ w.T, dw, db


def affine_backward_two_results(dout, cache):
    dx, dw, _ = affine_backward(dout, cache)
    return dx, dw


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def relu_backward_mask_from_dout(dout, cache):
    return dout * (dout > 0)


def relu_backward_at_zero_only(dout, cache):
    return np.where(cache == 0, dout, np.zeros_like(dout))


def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = w.shape[2:]
    height = 1 + (padded.shape[2] - rows) // stride
    width = 1 + (padded.shape[3] - columns) // stride
    out = np.zeros((len(x), len(w), height, width), x.dtype)
    for i in range(height):
        for j in range(width):
            top, left = i * stride, j * stride
            window = padded[:, :, top : top + rows, left : left + columns]
            out[:, :, i, j] = np.tensordot(window, w, axes=((1, 2, 3), (1, 2, 3))) + b
    return out, (x, w, b, conv_param)


def conv_backward_naive(dout, cache, step=None):
    x, w, _, conv_param = cache
    stride, pad = step or conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    rows, columns = w.shape[2:]
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            top, left = i * stride, j * stride
            here = np.s_[:, :, top : top + rows, left : left + columns]
            dw += np.tensordot(dout[:, :, i, j], padded[here], axes=(0, 0))
            dpadded[here] += np.tensordot(dout[:, :, i, j], w, axes=(1, 0))
    dx = dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
    return dx, dw, dout.sum(axis=(0, 2, 3))


def conv_backward_ignores_stride(dout, cache):
    return conv_backward_naive(dout, cache, step=1)


def layernorm_forward(x, gamma, beta, ln_param):
    centred = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + ln_param.get("eps", 1e-5))
    xn = centred / std
    return gamma * xn + beta, (xn, std, gamma)


def layernorm_backward(dout, cache):
    xn, std, gamma = cache
    dxn = dout * gamma
    inner = dxn - dxn.mean(axis=1, keepdims=True) - xn * (dxn * xn).mean(axis=1, keepdims=True)
    return inner / std, (dout * xn).sum(axis=0), dout.sum(axis=0)


def layernorm_backward_swapped(dout, cache):
    dx, dgamma, dbeta = layernorm_backward(dout, cache)
    return dx, dbeta, dgamma


def word_embedding_forward(x, W):
    return W[x], (x, W.shape)


def word_embedding_backward(dout, cache):
    x, shape = cache
    dW = np.zeros(shape, dout.dtype)
    np.add.at(dW, x, dout)
    return dW


def word_embedding_backward_overwrites(dout, cache):
    x, shape = cache
    dW = np.zeros(shape, dout.dtype)
    dW[x] += dout
    return dW


def scale_forward(x, scale):
    return scale * x, (x, scale)


def scale_backward(dout, cache):
    x, scale = cache
    return scale * dout, np.sum(x * dout)


def scale_backward_with_ones(dout, cache):
    """The scale's gradient is that of an upstream gradient of ones."""
    x, scale = cache
    return scale * dout, np.sum(x)


def lstm_gate_forward(x, c):
    """Make the cell state of an LSTM without weights: c' = sigmoid(x) c + tanh(x)."""
    f, g = 0.5 * (1 + np.tanh(0.5 * x)), np.tanh(x)
    new = f * c + g
    return new, (f, g, c)


def lstm_gate_backward(dnew, cache):
    f, g, c = cache
    return dnew * (c * f * (1 - f) + 1 - g**2), dnew * f


def lstm_gate_backward_edits_upstream(dnew, cache):
    f, g, c = cache
    dx = dnew * (c * f * (1 - f) + 1 - g**2)
    dnew *= f
    return dx, dnew


_AFFINE = {"w": (10, 3), "b": (3,)}
_CONV = {"w": (4, 2, 3, 2), "b": (4,)}
_STRIDE = {"conv_param": {"stride": 2, "pad": 1}}
_NORM = {"gamma": (6,), "beta": (6,)}
_EPS = {"ln_param": {}}
_WORDS = {"W": (9, 3)}

CORRECT = (
    right((affine_forward, affine_backward), "BCS:4,2,5", learnable=_AFFINE),
    right((relu_forward, relu_backward), "BC:4,6"),
    right((conv_forward_naive, conv_backward_naive), "BCSS:3,2,7,6", learnable=_CONV, call=_STRIDE),
    right((layernorm_forward, layernorm_backward), "BC:4,6", learnable=_NORM, call=_EPS),
    right(
        (word_embedding_forward, word_embedding_backward),
        "BT:4,5",
        learnable=_WORDS,
        integers=(0, 9),
    ),
    right((scale_forward, scale_backward), "BC:4,6", learnable={"scale": ()}),
    right((lstm_gate_forward, lstm_gate_backward), "BC:4,6", "BC:4,6"),
)

BROKEN = (
    wrong(
        (affine_forward, affine_backward_mean),
        "BCS:4,2,5",
        learnable=_AFFINE,
        name="functional.affine mean",
        fails="gradients.learnable:b batch.learnable_gradients_additive",
    ),
    wrong(
        (affine_forward, affine_backward_in_another_order),
        "BCS:4,2,5",
        learnable=_AFFINE,
        name="functional.affine in another order",
        fails="shapes.gradients",
    ),
    wrong(
        (affine_forward, affine_backward_loses_shape),
        "BCS:4,2,5",
        learnable=_AFFINE,
        name="functional.affine loses shape",
        fails="shapes.gradients",
    ),
    wrong(
        (affine_forward, affine_backward_two_results),
        "BCS:4,2,5",
        learnable=_AFFINE,
        name="functional.affine two results",
        fails="contract.signatures",
    ),
    wrong(
        (relu_forward, relu_backward_mask_from_dout),
        "BC:4,6",
        name="functional.relu mask from dout",
        fails="gradients.input:x gradients.linear_in_upstream",
    ),
    wrong(
        (relu_forward, relu_backward_at_zero_only),
        "BC:4,6",
        name="functional.relu detached",
        fails="gradients.input:x",
    ),
    wrong(
        (conv_forward_naive, conv_backward_ignores_stride),
        "BCSS:3,2,7,6",
        learnable=_CONV,
        call=_STRIDE,
        name="functional.conv ignores stride",
        fails="gradients.input:x gradients.learnable:w",
    ),
    wrong(
        (layernorm_forward, layernorm_backward_swapped),
        "BC:4,6",
        learnable=_NORM,
        call=_EPS,
        name="functional.layernorm swapped",
        fails="gradients.learnable:gamma gradients.learnable:beta",
    ),
    wrong(
        (word_embedding_forward, word_embedding_backward_overwrites),
        "BT:4,5",
        learnable=_WORDS,
        integers=(0, 9),
        name="functional.word_embedding overwrites",
        fails="gradients.learnable:W batch.learnable_gradients_additive",
        note="Of an index that occurs twice, one occurrence counts.",
    ),
    wrong(
        (scale_forward, scale_backward_with_ones),
        "BC:4,6",
        learnable={"scale": ()},
        name="functional.scale with ones",
        fails="gradients.learnable:scale gradients.linear_in_upstream",
    ),
    wrong(
        (lstm_gate_forward, lstm_gate_backward_edits_upstream),
        "BC:4,6",
        "BC:4,6",
        name="functional.lstm_gate edits upstream",
        fails="purity.upstream_unchanged purity.strided_inputs",
    ),
)
