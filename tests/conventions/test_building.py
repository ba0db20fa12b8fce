"""Layers that make their weights later than in the constructor."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conventions.driven import gradient_places, require_affine, run, subject_of


class Lazy:
    def __init__(self, units):
        self.units = units
        self.W = None
        self.b = None

    def forward(self, x):
        if self.W is None:
            self.W = np.random.normal(size=(x.shape[1], self.units))
            self.b = np.zeros(self.units)
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class LazyWithoutNames(Lazy):
    """The attributes do not exist before."""

    def __init__(self, units):
        self.units = units

    def forward(self, x):
        if not hasattr(self, "W"):
            self.W = None
        return super().forward(x)


class LazyDict(Lazy):
    def __init__(self, units):
        self.units = units
        self.params = {}
        self.cache = []

    def forward(self, x):
        if not self.params:
            self.params["W"] = np.random.normal(size=(x.shape[1], self.units))
            self.params["b"] = np.zeros(self.units)
        self.cache.append(x)
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        x = self.cache.pop()
        self.grads = {"W": x.T @ dout, "b": dout.sum(axis=0)}
        return dout @ self.params["W"].T


def test_lazy_weights_are_made_by_one_forward_on_a_copy():
    layer = Lazy(3)
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "W", "b")

    assert layer.W is None
    assert [slot.value.shape for slot in subject.learnables] == [(6, 3), (3,)]


def test_lazy_weights_may_have_no_attribute_before():
    require_affine(run(subject_of(LazyWithoutNames(3), "BC:4,6")), "W", "b")


def test_lazy_weights_in_a_dict_are_kept_and_caches_emptied():
    subject = subject_of(LazyDict(3), "BC:4,6")
    live = subject.build(np.dtype("float64"), subject.layouts)

    require_affine(run(subject), "params.W", "params.b")

    assert live.layer.cache == []
    assert gradient_places(subject)["params.b"] == "key b of grads"


def test_lazy_weights_are_made_for_each_layout():
    subject = subject_of(Lazy(3), "BC:4,?")
    other = tuple(layout.resolved(others=(9,)) for layout in subject.layouts)

    assert subject.build(np.dtype("float64"), other).learnables()[0].shape == (9, 3)


def test_lazy_weights_are_the_same_in_every_build():
    subject = subject_of(Lazy(3), "BC:4,6")
    first, second = (subject.build(np.dtype("float64"), subject.layouts) for _ in range(2))

    np.testing.assert_array_equal(first.learnables()[0], second.learnables()[0])


class CachesItsInput(Lazy):
    """Sizes and flags stay, and what the last batch left goes."""

    def forward(self, x):
        self.built = True
        self.n_in = x.shape[1]
        return super().forward(x)


def test_lazy_build_leaves_no_cache_behind():
    live = subject_of(CachesItsInput(3), "BC:4,6").build(
        np.dtype("float64"), subject_of(CachesItsInput(3), "BC:4,6").layouts
    )

    assert getattr(live.layer, "x", None) is None
    assert live.layer.built
    assert live.layer.n_in == 6


class Built(Lazy):
    """Must be built by its user, with the whole shape."""

    def build(self, input_shape):
        assert len(input_shape) == 2
        self.W = np.random.normal(size=(input_shape[-1], self.units))
        self.b = np.zeros(self.units)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b


class Told(Built):
    """Is told the shape of one observation, and then to draw."""

    def set_input_shape(self, shape):
        (self.n_in,) = shape

    def initialize(self):
        self.W = np.random.normal(size=(self.n_in, self.units))
        self.b = np.zeros(self.units)

    build = None


class Sized(Told):
    set_input_shape = None

    def initialize(self, n_in):
        self.n_in = n_in
        super().initialize()


@pytest.mark.parametrize("layer", [Built(3), Told(3), Sized(3)])
def test_layer_that_must_be_told_its_sizes_is_told(layer):
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "W", "b")

    assert layer.W is None
    assert subject.learnables[0].value.shape == (6, 3)
