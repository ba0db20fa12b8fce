"""Held out: layers of other conventions. See `held_out`."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import right, wrong
from tests.gradient_corpus.smooth import sigmoid


class LearntSwish:
    """x sigmoid(b x), the slope b learnt; forward(x) and backward(dout)."""

    def __init__(self):
        self.b = np.array([1.3])

    def forward(self, x):
        self.x = x
        return x * sigmoid(self.b * x)

    def slopes(self, x, s):
        return s + self.b * x * s * (1 - s), x**2 * s * (1 - s)

    def backward(self, dout):
        slope, of_b = self.slopes(self.x, sigmoid(self.b * self.x))
        self.db = np.sum(dout * of_b, keepdims=True).reshape(1)
        return dout * slope


class LearntSwishWithoutB(LearntSwish):
    def slopes(self, x, s):
        return s + x * s * (1 - s), x**2 * s * (1 - s)


class LearntSwishWithoutSquare(LearntSwish):
    def slopes(self, x, s):
        return s + self.b * x * s * (1 - s), x * s * (1 - s)


class LearntSwishMean(LearntSwish):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = self.db / dout.size
        return dx


class LearntSwishMaskOfUpstream(LearntSwish):
    def backward(self, dout):
        return super().backward(np.where(dout > 0, dout, 0))


def maxout_forward(x, w):
    pieces = np.einsum("bc,kcu->kbu", x, w)
    return pieces.max(axis=0), (x, w, pieces.argmax(axis=0))


def maxout_backward(dout, cache):
    x, w, winner = cache
    shares = np.stack([dout * (winner == k) for k in range(len(w))])
    return np.einsum("kbu,kcu->bc", shares, w), np.einsum("bc,kbu->kcu", x, shares)


def maxout_backward_every_piece(dout, cache):
    x, w, _ = cache
    shares = np.stack([dout] * len(w))
    return np.einsum("kbu,kcu->bc", shares, w), np.einsum("bc,kbu->kcu", x, shares)


def maxout_backward_first_piece(dout, cache):
    dx, dw = maxout_backward(dout, cache)
    dw[1:] = 0
    return dx, dw


def maxout_backward_downhill(dout, cache):
    dx, dw = maxout_backward(dout, cache)
    return dx, -dw


def maxout_backward_in_single(dout, cache):
    dx, dw = maxout_backward(dout, cache)
    return dx.astype(np.float32).astype(dx.dtype), dw


X, A, P, H = "input:x", "learnable:a", "learnable:p", "state:h"
SWISH_X, SWISH_B = "input:x", "learnable:b"
SWISH = right(LearntSwish, "BC:5,6", convention="object")
MAXOUT = right(
    (maxout_forward, maxout_backward),
    "BC:7,5",
    convention="pair",
    learnable={"w": (3, 5, 4)},
    name="held_out_styles.maxout",
)
CORRECT = (
    SWISH,
    MAXOUT,
)

BUGS = (
    wrong(
        SWISH,
        LearntSwishWithoutB,
        "The inner derivative b is missing.",
        {SWISH_X: "elementwise-derivative missing-term"},
    ),
    wrong(SWISH, LearntSwishWithoutSquare, "x for x^2.", {SWISH_B: "missing-factor"}),
    wrong(SWISH, LearntSwishMean, "mean for sum.", {SWISH_B: "mean-instead-of-sum"}),
    wrong(
        SWISH,
        LearntSwishMaskOfUpstream,
        "A ReLU's backward before its own.",
        {SWISH_X: "mask-from-upstream", SWISH_B: "mask-from-upstream upstream-nonlinear"},
        also="linear_in_upstream",
    ),
    wrong(
        MAXOUT,
        (maxout_forward, maxout_backward_every_piece),
        "Every piece gets the gradient.",
        {
            X: "missing-factor wrong-region missing-term",
            "learnable:w": "missing-factor wrong-region missing-term",
        },
    ),
    wrong(
        MAXOUT,
        (maxout_forward, maxout_backward_first_piece),
        "Only the first piece is trained.",
        {"learnable:w": "wrong-region"},
    ),
    wrong(
        MAXOUT,
        (maxout_forward, maxout_backward_downhill),
        "Downhill.",
        {"learnable:w": "sign-flipped"},
    ),
    wrong(
        MAXOUT,
        (maxout_forward, maxout_backward_in_single),
        "A float32 buffer.",
        {X: "rounding"},
        may="linear_in_upstream",
        smallest=1e-9,
    ),
)
