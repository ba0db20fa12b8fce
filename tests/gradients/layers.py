"""Layers with known gradients, as pairs of pure functions of a tuple of tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.gradients.problem import Problem, make_problem


@dataclass(frozen=True)
class Pair:
    forward: Callable[..., tuple[Any, ...]]
    backward: Callable[..., tuple[Any, ...]]


def data(rng, *shape):
    """Values of [-2, 2] on a short grid, none on a multiple of 1/2."""
    return np.round(rng.uniform(-2, 2, shape) * 2**14) / 2**14 + 2.0**-16


def upstream(rng, output):
    def draw():
        dz = np.round(rng.standard_normal(output.shape) * 1024) / 1024
        return np.where(np.abs(dz) < 0.05, 0.0625, dz)

    dz = draw() + 1j * draw() if np.iscomplexobj(output) else draw()
    return dz.astype(output.dtype)


def pose(pair, tensors, which, rng, counts=None, **options) -> Problem:
    """The verification of one of the tensors; `counts` gathers forwards and backwards."""
    counts = counts if counts is not None else [0, 0]
    outputs = pair.forward(*tensors)
    dz = [upstream(rng, output) for output in outputs]

    def evaluate_at(value):
        counts[0] += 1
        return pair.forward(*tensors[:which], value, *tensors[which + 1 :])

    def backward(given):
        counts[1] += 1
        return pair.backward(tensors, given)[which]

    gradient = pair.backward(tensors, dz)[which]
    return make_problem(tensors[which], gradient, outputs, dz, evaluate_at, backward, **options)


def logistic(x):
    return 1 / (1 + np.exp(-x))


PRELU = Pair(
    lambda x, a: (np.where(x > 0, x, a * x),),
    lambda t, d: (
        np.where(t[0] > 0, d[0], t[1] * d[0]),
        np.sum(np.minimum(t[0], 0) * d[0], axis=(0, 1, 3), keepdims=True),
    ),
)
SILU = Pair(
    lambda x: (x * logistic(x),),
    lambda t, d: (d[0] * logistic(t[0]) * (1 + t[0] * (1 - logistic(t[0]))),),
)


def softmax(x):
    e = np.exp(x - x.max(2, keepdims=True))
    return e / e.sum(2, keepdims=True)


def _softmax_backward(t, d):
    p = softmax(t[0])
    return (p * (d[0] - (p * d[0]).sum(2, keepdims=True)),)


SOFTMAX = Pair(lambda x: (softmax(x),), _softmax_backward)

_OTHERS = (0, 1, 3)


def _normalised(x):
    mean, var = x.mean(_OTHERS, keepdims=True), x.var(_OTHERS, keepdims=True)
    std = np.sqrt(var + 1e-5)
    return (x - mean) / std, std


def _batch_norm(x, gamma, beta):
    return (gamma * _normalised(x)[0] + beta,)


def _batch_norm_backward(t, d):
    x, gamma, _ = t
    h, std = _normalised(x)
    dh = d[0] * gamma
    correction = dh.mean(_OTHERS, keepdims=True) + h * (dh * h).mean(_OTHERS, keepdims=True)
    return (
        (dh - correction) / std,
        (d[0] * h).sum(_OTHERS, keepdims=True),
        d[0].sum(_OTHERS, keepdims=True),
    )


BATCH_NORM = Pair(_batch_norm, _batch_norm_backward)
DENSE = Pair(
    lambda x, w, b: (x @ w.T + b,),
    lambda t, d: (d[0] @ t[1], d[0].T @ t[0], d[0].sum(0)),
)


def _mlp(x, w1, b1, w2):
    return (np.maximum(x @ w1.T + b1, 0) @ w2.T,)


def _mlp_backward(t, d):
    x, w1, b1, w2 = t
    h = x @ w1.T + b1
    dh = d[0] @ w2 * (h > 0)
    return dh @ w1, dh.T @ x, dh.sum(0), d[0].T @ np.maximum(h, 0)


MLP = Pair(_mlp, _mlp_backward)


def _max_pool(x):
    s = x.shape
    return (x.reshape(s[0] // 2, 2, s[1] // 2, 2, *s[2:]).max((1, 3)),)


def _max_pool_backward(t, d):
    def spread(a):
        return np.repeat(np.repeat(a, 2, 0), 2, 1)

    return (np.where(t[0] == spread(_max_pool(t[0])[0]), spread(d[0]), 0),)


MAX_POOL = Pair(_max_pool, _max_pool_backward)


def _rfft_backward(t, d):
    full = np.zeros((t[0].shape[0], *d[0].shape[1:]), complex)
    full[: d[0].shape[0]] = d[0]
    return (np.real(np.fft.fft(np.conj(full), axis=0)),)


RFFT = Pair(lambda x: (np.fft.rfft(x, axis=0),), _rfft_backward)
COMPLEX_SCALE = Pair(
    lambda x, w: (x * w,),
    lambda t, d: (d[0] * np.conj(t[1]), np.sum(d[0] * np.conj(t[0]), axis=0)),
)
SPLIT = Pair(
    lambda x: (np.maximum(x, 0), np.tanh(x[:, :2])),
    lambda t, d: (
        d[0] * (t[0] > 0)
        + np.concatenate(
            [d[1] * (1 - np.tanh(t[0][:, :2]) ** 2), np.zeros_like(t[0][:, 2:])], axis=1
        ),
    ),
)

SIZE = (6, 4, 3, 5)


def tensors_of(name, rng, size=SIZE):
    """Arguments for the pair called `name`."""
    channel = (1, 1, size[2], 1)
    flat = (size[3], size[0] * size[1] * size[2])
    hidden, out = 7, 4
    return {
        "PRELU": lambda: (data(rng, *size), data(rng, *channel)),
        "SILU": lambda: (data(rng, *size),),
        "SOFTMAX": lambda: (data(rng, *size),),
        "BATCH_NORM": lambda: (data(rng, *size), data(rng, *channel), data(rng, *channel)),
        "DENSE": lambda: (data(rng, *flat), data(rng, out, flat[1]) / 8, data(rng, out)),
        "MLP": lambda: (
            data(rng, *flat),
            data(rng, hidden, flat[1]) / 8,
            data(rng, hidden),
            data(rng, out, hidden),
        ),
        "MAX_POOL": lambda: (data(rng, *size),),
        "RFFT": lambda: (data(rng, *size),),
        "COMPLEX_SCALE": lambda: (
            data(rng, 6, 8) + 1j * data(rng, 6, 8),
            data(rng, 8) + 1j * data(rng, 8),
        ),
        "SPLIT": lambda: (data(rng, 5, 4),),
    }[name]()


PAIRS = {name: value for name, value in list(globals().items()) if isinstance(value, Pair)}
