"""`forward(x)` and `backward(dout)`; the cache, the weights and their gradients on the object."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class Affine:
    """x W + b for rows of BC."""

    def __init__(self):
        self.W = normal(6, 3)
        self.b = normal(3)
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class AffineBatchMean(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW /= len(dout)
        self.db /= len(dout)
        return dx


class AffineLastObservation(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout[-1].copy()
        return dx


class AffineForgetsNewInput(Affine):
    """Keeps the first x for ever."""

    def forward(self, x):
        first = self.x
        z = super().forward(x)
        self.x = x if first is None else first
        return z


class AffineAddsUp(Affine):
    def __init__(self):
        super().__init__()
        self.dW = np.zeros_like(self.W)

    def backward(self, dout):
        self.db = dout.sum(axis=0)
        self.dW = self.dW + self.x.T @ dout
        return dout @ self.W.T


class AffineReusesBuffer(Affine):
    """Returns dx in memory that the next backward writes again."""

    def backward(self, dout):
        dx = super().backward(dout)
        if getattr(self, "buffer", None) is None or self.buffer.shape != dx.shape:
            self.buffer = np.empty_like(dx)
        self.buffer[...] = dx
        return self.buffer


class AffineStepsInBackward(Affine):
    """Updates the weights and then uses them for dx."""

    def backward(self, dout):
        super().backward(dout)
        self.W = self.W - 0.125 * self.dW
        return dout @ self.W.T


class CachedTanh:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = np.tanh(x)
        return self.out.copy()

    def backward(self, dout):
        return dout * (1 - self.out**2)


class CachedTanhInPlace(CachedTanh):
    """Squares the cache in place."""

    def backward(self, dout):
        self.out *= self.out
        return dout * (1 - self.out)


class CachedTanhOfFirst(CachedTanh):
    """Computes the cache once."""

    def forward(self, x):
        z = np.tanh(x)
        self.out = z if self.out is None else self.out
        return z.copy()


class MaskedReLU:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class MaskedReLUEditsUpstream(MaskedReLU):
    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class MaskedReLUOfUpstream(MaskedReLU):
    def backward(self, dout):
        dx = dout.copy()
        dx[dout <= 0] = 0
        return dx


class Scale:
    """Parameters and gradients in dicts."""

    def __init__(self):
        self.params = {"gamma": normal(6), "beta": normal(6)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return self.params["gamma"] * x + self.params["beta"]

    def backward(self, dout):
        self.grads = {"gamma": (dout * self.x).sum(axis=0), "beta": dout.sum(axis=0)}
        return dout * self.params["gamma"]


class ScaleSwapped(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        gamma, beta = self.grads["gamma"], self.grads["beta"]
        self.grads = {"gamma": beta, "beta": gamma}
        return dx


class ScaleOfOutput(Scale):
    def forward(self, x):
        z = super().forward(x)
        self.x = z
        return z


class ScaleSumsFeatures(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["beta"] = np.full_like(self.params["beta"], dout.sum())
        return dx


class FullyConnected:
    """Every forward is kept, and gradients add up until they are flushed."""

    def __init__(self):
        self.X = []
        self.parameters = {"W": normal(6, 4), "b": normal(1, 4)}
        self.flush_gradients()

    def flush_gradients(self):
        self.X = []
        self.gradients = {name: np.zeros_like(p) for name, p in self.parameters.items()}

    def forward(self, X):
        self.X.append(X)
        return X @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dLdy):
        self.gradients["W"] += self.X[-1].T @ dLdy
        self.gradients["b"] += dLdy.sum(axis=0, keepdims=True)
        return dLdy @ self.parameters["W"].T


class FullyConnectedDownhill(FullyConnected):
    def backward(self, dLdy):
        self.gradients["W"] -= self.X[-1].T @ dLdy
        self.gradients["b"] -= dLdy.sum(axis=0, keepdims=True)
        return dLdy @ self.parameters["W"].T


FEATURES = ("BC:5,6",)
X, W, B = "input:x", "learnable:W", "learnable:b"

AFFINE = right(Affine, *FEATURES, convention="object")
TANH = right(CachedTanh, *FEATURES, convention="object")
RELU = right(MaskedReLU, *FEATURES, convention="object")
SCALE = right(Scale, *FEATURES, convention="object")
KEPT = right(FullyConnected, *FEATURES, convention="object")
CORRECT = (AFFINE, TANH, RELU, SCALE, KEPT)

BUGS = (
    wrong(
        AFFINE,
        AffineBatchMean,
        "Gradients of the weights are averaged, dx is not.",
        {W: "mean-instead-of-sum", B: "mean-instead-of-sum"},
    ),
    wrong(AFFINE, AffineLastObservation, "A loop overwrites.", {B: "missing-sum wrong-region"}),
    wrong(
        AFFINE,
        AffineForgetsNewInput,
        "The cache is set once.",
        {"purity.backward_of_earlier_forward": "stale-memory"},
    ),
    wrong(AFFINE, AffineAddsUp, "Nothing clears dW.", {"repeatable": "accumulates"}),
    wrong(AFFINE, AffineReusesBuffer, "Saves an allocation.", {}, also="purity.no_aliasing"),
    wrong(
        AFFINE,
        AffineStepsInBackward,
        "dx is that of the weights after the step.",
        {X: "updates-learnables-in-backward"},
        also="purity.learnables_unchanged linear_in_upstream repeatable",
    ),
    wrong(TANH, CachedTanhInPlace, "The cache is used up.", {}, also="repeatable"),
    wrong(
        TANH,
        CachedTanhOfFirst,
        "The cache is set once.",
        {"purity.backward_of_earlier_forward": "stale-memory"},
    ),
    wrong(
        RELU,
        MaskedReLUEditsUpstream,
        "Zeroes the caller's dout.",
        {"purity.upstream_unchanged": "mutates-upstream"},
    ),
    wrong(
        RELU,
        MaskedReLUOfUpstream,
        "The mask is taken from dout.",
        {X: "mask-from-upstream"},
        also="linear_in_upstream",
    ),
    wrong(
        SCALE,
        ScaleSwapped,
        "Keys exchanged.",
        {"learnable:params.gamma": "swapped-with", "learnable:params.beta": "swapped-with"},
    ),
    wrong(
        SCALE,
        ScaleOfOutput,
        "The cache holds the output.",
        {"learnable:params.gamma": "missing-factor missing-term"},
    ),
    wrong(
        SCALE,
        ScaleSumsFeatures,
        "np.sum without an axis.",
        {"learnable:params.beta": "wrong-axis missing-broadcast-reduction"},
    ),
    wrong(
        KEPT,
        FullyConnectedDownhill,
        "-= for +=.",
        {"learnable:parameters.W": "sign-flipped", "learnable:parameters.b": "sign-flipped"},
    ),
)
