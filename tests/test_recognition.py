from __future__ import annotations

import abc
import dataclasses
import enum
import types

import numpy as np
import pytest

from layercheck.layer import Layer, Learnable
from layercheck.recognition import (
    FunctionPair,
    function_pairs,
    is_static_function,
    is_stub,
    layers_in,
    looks_like_layer,
    pair_named,
)


class Native(Layer):
    alpha = Learnable()

    def predict(self, x):
        return x


class Stateful:
    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


class Torch7:
    def updateOutput(self, x):
        return x


class Activation:
    def __call__(self, x):
        return x

    def gradient(self, x):
        return 1


class Named:
    def fn(self, z):
        return z

    def grad(self, z):
        return 1


class Static:
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g


class Inherits(Stateful):
    pass


class OnlyBackwardIsMissing:
    def forward(self, x):
        return x

    def backward(self, dout):
        raise NotImplementedError


class Skeleton:
    def forward(self, x):
        raise NotImplementedError("todo")

    def backward(self, dout):
        raise NotImplementedError

    def __call__(self, x):
        return self.forward(x)


class Torch7Base:
    def forward(self, x):
        return self.updateOutput(x)

    def updateOutput(self, x):
        raise NotImplementedError


class Torch7Linear(Torch7Base):
    def updateOutput(self, x):
        return x


class PredictStays(Skeleton):
    def predict(self, x):
        return x


class Homework:
    def forward(self, x):
        """Compute the output."""


class Abstract(abc.ABC):
    @abc.abstractmethod
    def forward(self, x):
        return x


class Mode(enum.Enum):
    TRAIN = 1

    def forward(self, x):
        return x


class Problem(Exception):
    def forward(self, x):
        return x


@dataclasses.dataclass
class Sizes:
    channels: int = 3


class OnlyCall:
    def __call__(self, x):
        return x


class Loss:
    def loss(self, y, p):
        return y - p

    def gradient(self, y, p):
        return y - p


def relu(x):
    return x


LAYERS = [
    Native,
    Stateful,
    Torch7,
    Activation,
    Named,
    Static,
    Inherits,
    OnlyBackwardIsMissing,
    Torch7Linear,
    PredictStays,
]
OTHERS = [Layer, Torch7Base, Skeleton, Homework, Abstract, Mode, Problem, Sizes, OnlyCall, Loss]


@pytest.mark.parametrize("cls", LAYERS)
def test_class_with_a_forward_pass_looks_like_a_layer(cls):
    assert looks_like_layer(cls)
    assert looks_like_layer(cls())


@pytest.mark.parametrize("cls", OTHERS)
def test_class_without_a_written_forward_pass_does_not(cls):
    assert not looks_like_layer(cls)


@pytest.mark.parametrize(
    "obj", [3, "relu", None, relu, np.exp, np, Mode.TRAIN, Problem(), np.ones(3), Sizes()]
)
def test_other_objects_do_not_look_like_a_layer(obj):
    assert not looks_like_layer(obj)


def test_pair_looks_like_a_layer():
    assert looks_like_layer(FunctionPair("relu", relu, relu))


def test_static_function_has_two_static_passes():
    assert is_static_function(Static)
    assert not is_static_function(Stateful)


def test_stub_has_no_statement_of_its_own():
    def ellipsis(self): ...

    def documented(self):
        "Only this."

    assert is_stub(ellipsis)
    assert is_stub(documented)
    assert is_stub(Homework.forward)
    assert is_stub(Skeleton.forward)
    assert not is_stub(Stateful.forward)
    assert not is_stub(len)


@pytest.fixture
def module():
    def make(source):
        made = types.ModuleType("written_module")
        exec(compile(source, "<written>", "exec", dont_inherit=True), made.__dict__)
        return made

    return make


@pytest.mark.parametrize(
    ("names", "stem", "functions"),
    [
        ("affine_forward affine_backward", "affine", "affine_forward affine_backward"),
        ("forward_relu backward_relu", "relu", "forward_relu backward_relu"),
        ("pool_fwd pool_bwd", "pool", "pool_fwd pool_bwd"),
        ("fprop_relu bprop_relu", "relu", "fprop_relu bprop_relu"),
        ("conv_forward_naive conv_backward_naive", "conv_naive", None),
        ("relu relu_backward", "relu", "relu relu_backward"),
        ("relu relu_forward relu_backward", "relu_forward", "relu_forward relu_backward"),
        ("forward backward", "forward", "forward backward"),
    ],
)
def test_pairs_are_found_by_their_names(module, names, stem, functions):
    made = module("".join(f"def {name}(x): return x\n" for name in names.split()))

    pairs = function_pairs(made)

    assert list(pairs) == [stem]
    pair = pairs[stem]
    assert pair.name == stem
    assert not pair.derivative
    assert f"{pair.forward.__name__} {pair.backward.__name__}" == (functions or names)


@pytest.mark.parametrize(
    "names", ["affine_forward relu_backward", "affine_forward", "relu relu_grad", "_f_fwd _f_bwd"]
)
def test_functions_that_do_not_match_are_no_pair(module, names):
    assert function_pairs(module("".join(f"def {n}(x): return x\n" for n in names.split()))) == {}


def test_imported_functions_are_no_pair_of_the_module(module):
    other = module("def a_forward(x): return x\ndef a_backward(x): return x\n")
    made = types.ModuleType("importing_module")
    made.a_forward, made.a_backward = other.a_forward, other.a_backward

    assert function_pairs(made) == {}


@pytest.mark.parametrize("name", ["affine", "affine_forward", "affine_backward"])
def test_pair_is_named_by_its_stem_or_a_function(module, name):
    made = module("def affine_forward(x): return x\ndef affine_backward(x): return x\n")

    assert pair_named(made, name) == FunctionPair(
        "affine", made.affine_forward, made.affine_backward
    )
    assert pair_named(made, "other") is None


@pytest.mark.parametrize("derivative", ["relu_grad", "relu_derivative", "drelu", "relu_prime"])
def test_derivative_pair_is_taken_when_named(module, derivative):
    made = module(f"def relu(x): return x\ndef {derivative}(x): return x\n")

    assert pair_named(made, "relu") == FunctionPair(
        "relu", made.relu, getattr(made, derivative), derivative=True
    )
    assert layers_in(made) == {}


def test_layers_of_a_module_are_its_own_public_classes_and_pairs(module):
    made = module(
        "class Relu:\n"
        "    def forward(self, x): return x\n"
        "Alias = Relu\n"
        "class _Hidden(Relu): pass\n"
        "class Model(Relu):\n"
        "    def fit(self, x): pass\n"
        "class Config: pass\n"
        "relu = Relu()\n"
        "def affine_forward(x): return x\n"
        "def affine_backward(x): return x\n"
    )
    made.Imported = Stateful

    assert list(layers_in(made)) == ["Relu", "affine"]


def test_layers_of_a_module_without_classes_are_its_objects(module):
    made = module("size = 3\n")
    made.prelu = Native()

    assert layers_in(made) == {"prelu": made.prelu}
