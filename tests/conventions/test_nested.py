from __future__ import annotations

import numpy as np

from tests.conventions.driven import gradient_places, run, subject_of


class Affine:
    def __init__(self, n_in, n_out, seed):
        self.W = np.random.default_rng(seed).normal(size=(n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class Dropout:
    def __init__(self):
        self.training = True
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) > 0.5 if self.training else np.ones_like(x)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Mlp:
    def __init__(self):
        self.fc1 = Affine(6, 5, 1)
        self.drop = Dropout()
        self.fc2 = Affine(5, 3, 2)

    def forward(self, x):
        return self.fc2.forward(self.drop.forward(self.fc1.forward(x)))

    def backward(self, dout):
        return self.fc1.backward(self.drop.backward(self.fc2.backward(dout)))


class Sequential:
    def __init__(self, *layers):
        self.layers = list(layers)
        self.params, self.grads = [], []

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


def test_nested_learnables_have_the_names_of_their_children():
    subject = subject_of(Mlp(), "BC:4,6")
    found = run(subject, mode="predict")

    assert subject.convention == "nested"
    assert gradient_places(subject) == {
        "fc1.W": "attribute dW of fc1",
        "fc1.b": "attribute db of fc1",
        "fc2.W": "attribute dW of fc2",
        "fc2.b": "attribute db of fc2",
    }
    dhidden = found.upstream[0] @ found.values["fc2.W"].T
    np.testing.assert_allclose(found.gradients["fc1.W"], found.inputs[0].T @ dhidden)


def test_nested_children_are_switched_to_prediction():
    subject = subject_of(Mlp(), "BC:4,6")
    first = run(subject, mode="predict", seed=0)
    second = run(subject, mode="predict", seed=1)
    random = run(subject, mode="forward", seed=0), run(subject, mode="forward", seed=1)

    assert not subject.facts.one_pass
    np.testing.assert_array_equal(first.outputs[0], second.outputs[0])
    assert not np.array_equal(random[0].outputs[0], random[1].outputs[0])


def test_nested_layers_of_a_list_are_numbered():
    subject = subject_of(Sequential(Affine(6, 5, 1), Affine(5, 3, 2)), "BC:4,6")

    assert list(gradient_places(subject)) == [
        "layers.0.W",
        "layers.0.b",
        "layers.1.W",
        "layers.1.b",
    ]


def test_nested_layer_that_is_held_twice_counts_once():
    tied = Affine(6, 6, 1)
    subject = subject_of(Sequential(tied, tied), "BC:4,6")

    assert list(gradient_places(subject)) == ["layers.0.W", "layers.0.b"]


class WithLists:
    """Collects the arrays of its children in lists, as a book does."""

    def __init__(self):
        self.params, self.grads = [], []
        self.affine = Affine(6, 3, 1)
        self.params += [self.affine.W, self.affine.b]
        self.affine.dW, self.affine.db = np.zeros((6, 3)), np.zeros(3)
        self.grads += [self.affine.dW, self.affine.db]

    def forward(self, x):
        self.affine.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.affine.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ self.params[0].T


def test_nested_arrays_that_are_held_twice_count_once():
    subject = subject_of(WithLists(), "BC:4,6")
    found = run(subject)

    assert len(subject.learnables) == 2
    np.testing.assert_allclose(
        next(iter(found.gradients.values())), found.inputs[0].T @ found.upstream[0]
    )
