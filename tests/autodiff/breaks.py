"""NumPy code that takes a value out of the trace; the line that does is marked."""

from __future__ import annotations

import math

import numpy as np

BREAKS = {}


def breaks(words):
    def mark(function):
        BREAKS[function.__name__] = (function, words)
        return function

    return mark


@breaks("np.asarray")
def as_array(x):
    return x + np.arctan(np.asarray(x))  # HERE


@breaks("np.array")
def new_array(x):
    pair = np.array([x[0, 0], x[1, 1]])  # HERE
    return pair * 2


@breaks("float()")
def as_float(x):
    return x * float(x[0, 0])  # HERE


@breaks("float()")
def math_function(x):
    return x * math.exp(x[0, 0])  # HERE


@breaks(".item()")
def as_item(x):
    return x * x[0, 0].item()  # HERE


@breaks(".tolist()")
def as_list(x):
    return x * np.sum(x.tolist())  # HERE


@breaks("writes a traced value")
def into_zeros(x):
    out = np.zeros(x.shape)
    out[0] = x[0]  # HERE
    return out


@breaks("writes a traced value")
def into_zeros_one_by_one(x):
    out = np.zeros(x.shape)
    for i in range(3):
        for j in range(4):
            out[i, j] = x[i, j] ** 2  # HERE
    return out


@breaks("writes a traced value")
def added_to_zeros(x):
    out = np.zeros(x.shape)
    out += x  # HERE
    return out


@breaks("writes a traced value")
def added_to_a_row(x):
    out = np.zeros(x.shape)
    out[1] += x[0]  # HERE
    return out


@breaks("writes a traced value")
def out_argument(x):
    out = np.empty(x.shape)
    np.exp(x, out=out)  # HERE
    return out


@breaks("writes a traced value")
def copied_to(x):
    out = np.empty(x.shape)
    np.copyto(out, x)  # HERE
    return out


@breaks("np.add.at")
def add_at(x):
    out = np.zeros_like(x)
    np.add.at(out, [0, 0], x[0])  # HERE
    return out


@breaks("np.asarray")
def vectorized(x):
    return np.vectorize(lambda v: v * v)(x)  # HERE


@breaks("np.asarray")
def contiguous(x):
    return np.ascontiguousarray(x.T)  # HERE


@breaks("strides")
def strided(x):
    return np.lib.stride_tricks.as_strided(x, (2, 2), x.strides)  # HERE


@breaks("np.asarray")
def random_around(x):
    return np.random.normal(x)  # HERE


@breaks("np.histogram")
def histogram_weights(x):
    return np.histogram2d(x[0], x[1])[0]  # HERE


@breaks(".tobytes")
def as_bytes(x):
    return x * len(x.tobytes())  # HERE


@breaks("dtype")
def viewed(x):
    return x.view(np.int64) * x  # HERE


@breaks("sets the shape")
def shape_set(x):
    y = x * 2
    y.shape = (4, 3)  # HERE
    return y


@breaks("index")
def traced_index(x):
    return x[np.zeros_like(x) + x]  # HERE
