"""Every forward is kept; backward walks them all and adds up."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class LayerBase:
    def __init__(self):
        self.X = []
        self.trainable = True
        self.parameters = {}
        self.gradients = {}
        self.derived_variables = {}

    def flush_gradients(self):
        self.X = []
        for k in self.derived_variables:
            self.derived_variables[k] = []
        for k, v in self.gradients.items():
            self.gradients[k] = np.zeros_like(v)


class FullyConnected(LayerBase):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.parameters = {"W": normal(n_in, n_out), "b": normal(1, n_out)}
        self.gradients = {k: np.zeros_like(v) for k, v in self.parameters.items()}

    def forward(self, X, retain_derived=True):
        if retain_derived:
            self.X.append(X)
        return X @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dLdy, retain_grads=True):
        if not isinstance(dLdy, list):
            dLdy = [dLdy]
        dX = []
        for dy, x in zip(dLdy, self.X, strict=False):
            dX.append(dy @ self.parameters["W"].T)
            if retain_grads:
                self.gradients["W"] += x.T @ dy
                self.gradients["b"] += dy.sum(axis=0, keepdims=True)
        return dX[0] if len(self.X) == 1 else dX


class FullyConnectedKeepsTheLast(FullyConnected):
    """Takes the last input for every upstream gradient."""

    def backward(self, dLdy, retain_grads=True):
        self.X = [self.X[-1]] * len(self.X)
        return super().backward(dLdy, retain_grads)


class FullyConnectedOverwritesGradients(FullyConnected):
    def backward(self, dLdy, retain_grads=True):
        upstream = dLdy if isinstance(dLdy, list) else [dLdy]
        dX = super().backward(dLdy, retain_grads)
        self.gradients["W"] = self.X[-1].T @ upstream[-1]
        self.gradients["b"] = upstream[-1].sum(axis=0, keepdims=True)
        return dX


class FullyConnectedBiasMean(FullyConnected):
    def backward(self, dLdy, retain_grads=True):
        before = self.gradients["b"].copy()
        dX = super().backward(dLdy, retain_grads)
        self.gradients["b"] = before + (self.gradients["b"] - before) / len(self.X[0])
        return dX


class Scale(LayerBase):
    """One factor for each feature."""

    def __init__(self, n_in):
        super().__init__()
        self.parameters = {"scale": 1 + normal(n_in)}
        self.gradients = {"scale": np.zeros(n_in)}

    def forward(self, X, retain_derived=True):
        if retain_derived:
            self.X.append(X)
        return X * self.parameters["scale"]

    def backward(self, dLdy, retain_grads=True):
        if not isinstance(dLdy, list):
            dLdy = [dLdy]
        dX = []
        for dy, x in zip(dLdy, self.X, strict=False):
            dX.append(dy * self.parameters["scale"])
            if retain_grads:
                self.gradients["scale"] += (x * dy).sum(axis=0)
        return dX[0] if len(self.X) == 1 else dX


class AddsUpForEver:
    """Adds gradients up, and nothing ever clears them."""

    def __init__(self, W):
        self.W = W
        self.dW = np.zeros_like(W)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW += self.x.T @ dout
        return dout @ self.W.T


class AddsUp(AddsUpForEver):
    def zero_grad(self):
        self.dW[...] = 0


class StackOfCaches:
    """Every forward pushes its cache, every backward pops one."""

    def __init__(self):
        self.cache = []

    def forward(self, x):
        y = np.tanh(x)
        self.cache.append(y.copy())
        return y

    def backward(self, dout):
        return dout * (1 - self.cache.pop() ** 2)


_SIZES = {"n_in": 6, "n_out": 3}
_W = {"W": normal(6, 3)}

CORRECT = (
    right(FullyConnected, "BC:4,6", init=_SIZES),
    right(Scale, "BC:4,6", init={"n_in": 6}),
    right(AddsUp, "BC:4,6", init=_W),
    right(StackOfCaches, "BC:4,6", note="A second backward raises."),
)

BROKEN = (
    wrong(FullyConnectedKeepsTheLast, "BC:4,6", init=_SIZES, fails="purity.forwards_retained"),
    wrong(
        FullyConnectedOverwritesGradients, "BC:4,6", init=_SIZES, fails="purity.forwards_retained"
    ),
    wrong(
        FullyConnectedBiasMean,
        "BC:4,6",
        init=_SIZES,
        fails="gradients.learnable:parameters.b batch.learnable_gradients_additive",
    ),
    wrong(
        AddsUpForEver,
        "BC:4,6",
        init=_W,
        fails="gradients.repeatable purity.backward_of_earlier_forward",
        note="The second round's dW holds the first's too.",
    ),
)
