from __future__ import annotations

import copy
import pickle

import numpy as np

from layercheck.layer import Layer, Learnable, State, declared


class PReLU(Layer):
    alpha = Learnable(learn_rate_factor=2.0, l2_factor=0.0)
    beta = Learnable()
    h = State()

    def predict(self, x):
        return np.maximum(x, 0) + self.alpha * np.minimum(x, 0)


class Shifted(PReLU):
    shift = Learnable()
    h2 = State()
    beta = 0.5


class Scale(Layer):
    scale = Learnable()


class ShiftedAndScaled(Shifted, Scale):
    pass


class Plain(Layer):
    learnables = ("W",)

    def __init__(self):
        self.W = np.ones(2)


def test_layer_names_declarations_in_order():
    assert PReLU.learnables == ("alpha", "beta")
    assert PReLU.states == ("h",)
    assert PReLU().learnables == ("alpha", "beta")
    assert Layer.learnables == ()


def test_layer_inherits_declarations_bases_first_and_drops_overridden_ones():
    assert Shifted.learnables == ("alpha", "shift")
    assert Shifted.states == ("h", "h2")
    assert ShiftedAndScaled.learnables == ("scale", "alpha", "shift")
    assert PReLU.learnables == ("alpha", "beta")


def test_layer_written_names_win():
    assert Plain.learnables == ("W",)
    assert Plain.states == ()


def test_layer_values_belong_to_the_object_and_start_as_none():
    one, other = PReLU(), PReLU()

    one.alpha = np.ones(3)
    one.h = np.zeros((3, 4))

    assert other.alpha is None
    assert other.h is None
    assert vars(one).keys() == {"alpha", "h"}
    del one.alpha
    assert one.alpha is None


def test_layer_declarations_hold_their_factors():
    assert PReLU.alpha == Learnable(learn_rate_factor=2.0, l2_factor=0.0)
    assert declared(Shifted, Learnable) == {"alpha": PReLU.alpha, "shift": Learnable(1.0, 1.0)}
    assert declared(Plain, State) == {}


def test_layer_survives_deepcopy_and_pickle():
    layer = Shifted()
    layer.alpha = np.arange(3.0)

    for twin in (copy.deepcopy(layer), copy.copy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(twin.alpha, layer.alpha)
        assert twin.shift is None
        assert twin.learnables == ("alpha", "shift")


def test_layer_deepcopy_shares_no_values():
    layer = PReLU()
    layer.alpha = np.zeros(2)

    copy.deepcopy(layer).alpha[:] = 1

    assert np.array_equal(layer.alpha, [0, 0])


def test_layer_repr_shows_dtypes_and_shapes_not_values():
    layer = PReLU()
    layer.alpha = np.zeros((20, 1), dtype="float32")
    layer.beta = 0.25

    assert repr(layer) == "PReLU(alpha=float32[20, 1], beta=0.25, h=None)"
    assert repr(Plain()) == "Plain(W=float64[2])"


def test_layer_repr_of_a_layer_in_itself_ends():
    layer = PReLU()
    layer.alpha = layer

    assert repr(layer) == "PReLU(alpha=..., beta=None, h=None)"
