from __future__ import annotations

import numpy as np

from tests.conventions.driven import require_affine, run, subject_of


class FullyConnected:
    def __init__(self):
        self.X = []
        self.parameters = {"W": np.random.default_rng(0).normal(size=(6, 3)), "b": np.zeros((1, 3))}
        self.gradients = {name: np.zeros_like(w) for name, w in self.parameters.items()}

    def forward(self, X, retain_derived=True):
        if retain_derived:
            self.X.append(X)
        return X @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dLdy, retain_grads=True):
        if not isinstance(dLdy, list):
            dLdy = [dLdy]
        dX = []
        for dy, x in zip(dLdy, self.X, strict=True):
            dX.append(dy @ self.parameters["W"].T)
            self.gradients["W"] += x.T @ dy
            self.gradients["b"] += dy.sum(axis=0, keepdims=True)
        return dX[0] if len(self.X) == 1 else dX

    def flush_gradients(self):
        self.X = []
        for gradient in self.gradients.values():
            gradient[...] = 0


def test_accumulating_layer_is_driven_from_empty_lists():
    layer = FullyConnected()
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "parameters.W", "parameters.b")
    require_affine(run(subject), "parameters.W", "parameters.b")

    assert subject.convention == "accumulating"
    assert subject.facts.several_forwards
    assert subject.facts.clears_gradients
    assert layer.X == []


def test_accumulating_backward_serves_several_forwards():
    subject = subject_of(FullyConnected(), "BC:4,6")
    live = subject.build(np.dtype("float64"), subject.layouts)
    rng = np.random.default_rng(1)
    xs, dys = (rng.normal(size=(2, 4, n)) for n in (6, 3))

    dones = [live.run((x,), "forward") for x in xs]
    first, second = live.pull_back_all(dones, [(dy,) for dy in dys])

    W = subject.learnables[0].value
    np.testing.assert_allclose(first.inputs[0], dys[0] @ W.T)
    np.testing.assert_allclose(second.inputs[0], dys[1] @ W.T)
    np.testing.assert_allclose(
        second.learnables[0], sum(x.T @ d for x, d in zip(xs, dys, strict=True))
    )


def test_accumulating_layer_can_be_cleared():
    subject = subject_of(FullyConnected(), "BC:4,6")
    live = subject.build(np.dtype("float64"), subject.layouts)
    x, dy = np.ones((4, 6)), np.ones((4, 3))

    results = []
    for _ in range(2):
        results.append(live.pull_back(live.run((x,), "forward"), (dy,)).learnables[0].copy())
        live.clear_gradients()

    np.testing.assert_array_equal(*results)


class Lazy(FullyConnected):
    """Makes its weights in the first forward."""

    def __init__(self, n_out):
        self.n_out = n_out
        self.X = []
        self.parameters = {"W": None, "b": None}
        self.gradients = {}
        self.is_initialized = False

    def forward(self, X, retain_derived=True):
        if not self.is_initialized:
            self.parameters["W"] = np.random.normal(size=(X.shape[1], self.n_out))
            self.parameters["b"] = np.zeros((1, self.n_out))
            self.gradients = {k: np.zeros_like(v) for k, v in self.parameters.items()}
            self.is_initialized = True
        return super().forward(X, retain_derived)


def test_accumulating_lazy_weights_are_built_and_the_lists_emptied():
    subject = subject_of(Lazy(3), "BC:4,6")
    live = subject.build(np.dtype("float64"), subject.layouts)

    require_affine(run(subject), "parameters.W", "parameters.b")

    assert live.layer.X == []
    assert [slot.value.shape for slot in subject.learnables] == [(6, 3), (1, 3)]
    assert subject.learnables[0].found == "made by the first forward, and its gradient is found"


class Stack:
    """Every backward takes the cache of one forward: one backward does not serve two."""

    def __init__(self):
        self.cache = []

    def forward(self, x):
        self.cache.append(np.tanh(x))
        return self.cache[-1].copy()

    def backward(self, dout):
        return dout * (1 - self.cache.pop() ** 2)


def test_accumulating_stack_serves_one_forward_at_a_time():
    subject = subject_of(Stack(), "BC:4,6")
    found = run(subject)

    assert not subject.facts.several_forwards
    np.testing.assert_allclose(
        found.input_gradients[0], found.upstream[0] * (1 - np.tanh(found.inputs[0]) ** 2)
    )
