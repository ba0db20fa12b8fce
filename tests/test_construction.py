from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from layercheck.construction import construct
from layercheck.errors import LayerError, TargetError
from layercheck.loading import LoadedTarget
from layercheck.recognition import FunctionPair


class Dense:
    def __init__(self, n_inputs, n_outputs, bias=True, *, scale=1.0):
        self.W = scale * np.ones((n_inputs, n_outputs))
        self.bias = bias

    def forward(self, x):
        return x @ self.W


class Plain:
    def forward(self, x):
        return x


class Keeps(Plain):
    def __init__(self, W):
        self.W = W


class Open(Plain):
    def __init__(self, size, **options):
        self.size, self.options = size, options


class PositionalOnly(Plain):
    def __init__(self, size, /, slope=1):
        self.size, self.slope = size, slope


class Raises(Plain):
    def __init__(self, size=3):
        self.W = np.ones(size).reshape(2, 2)


class Exits(Plain):
    def __init__(self):
        raise SystemExit(2)


class Prints(Plain):
    def __init__(self):
        print("noise")  # noqa: T201 - the layer under test does


class Static:
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g


def make_dense(n_inputs, n_outputs=2):
    return Dense(n_inputs, n_outputs)


def dense(n_inputs) -> Dense:
    return Dense(n_inputs, 2)


def default_dense(n_inputs=5):
    return Dense(n_inputs, 2)


def nothing():
    return None


def double(x):
    return 2 * x


def add(*xs):
    return sum(xs)


def loaded(obj, name=None):
    name = name or getattr(obj, "__name__", type(obj).__name__)
    return LoadedTarget(f"layers.py::{name}", name, obj, file="layers.py", line=7)


def test_class_is_built_with_the_given_arguments():
    layer = construct(loaded(Dense), {"n_inputs": 3, "n_outputs": 2, "scale": 0.5})

    assert np.array_equal(layer.W, np.full((3, 2), 0.5))
    assert layer.bias is True


def test_class_without_arguments_is_built():
    assert type(construct(loaded(Plain))) is Plain


def test_arguments_are_copied():
    W = np.zeros(3)

    construct(loaded(Keeps), {"W": W}).W[:] = 1

    assert np.array_equal(W, [0, 0, 0])


def test_positional_only_and_open_arguments_are_passed():
    layer = construct(loaded(PositionalOnly), {"slope": 2, "size": 3})

    assert (layer.size, layer.slope) == (3, 2)
    assert construct(loaded(Open), {"size": 1, "other": 2}).options == {"other": 2}


@pytest.mark.parametrize(
    ("obj", "init", "message"),
    [
        (
            Dense,
            {},
            "Dense() needs 'n_inputs' and 'n_outputs'. Write --init n_inputs=... --init "
            "n_outputs=... (the signature is Dense(n_inputs, n_outputs, bias=True, *, scale=1.0)).",
        ),
        (Dense, {"n_inputs": 3}, "Dense() needs 'n_outputs'. Write --init n_outputs=... (the"),
        (
            Dense,
            {"n_inputs": 3, "n_output": 3},
            "Dense() has no argument 'n_output'. Did you mean 'n_outputs'? "
            "Its arguments are n_inputs, n_outputs, bias, scale.",
        ),
        (Plain, {"size": 3}, "Plain() has no argument 'size'. It takes no arguments."),
        (Open, {"other": 2}, "Open() needs 'size'."),
        (make_dense, {}, "make_dense() needs 'n_inputs'."),
        (dense, {}, "dense() needs 'n_inputs'."),
        (double, {"y": 1}, "double() has no argument 'y'. Its arguments are x."),
        (nothing, {}, "nothing() in layers.py::nothing returned None, which is no layer."),
        (double, {"x": 1}, "double() in layers.py::double returned an object of type int"),
        (Plain(), {"size": 3}, "Plain is an object, so nothing is built and --init size has no"),
        (FunctionPair("f", double, double), {"w": 3}, "f is a pair of functions, so nothing is"),
        (Static, {"w": 3}, "Static is a class with static passes, so nothing is built"),
    ],
)
def test_arguments_that_do_not_fit_are_named(obj, init, message):
    name = obj.name if isinstance(obj, FunctionPair) else None

    with pytest.raises(TargetError) as caught:
        construct(loaded(obj, name), init)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("factory", "init"),
    [(make_dense, {"n_inputs": 3}), (dense, {"n_inputs": 3}), (default_dense, {})],
)
def test_factory_is_called(factory, init):
    assert type(construct(loaded(factory), init)) is Dense


@pytest.mark.parametrize(
    "obj",
    [
        double,
        add,
        Static,
        Plain(),
        FunctionPair("f", double, double),
        functools.partial(double),
        np.tanh,
    ],
)
def test_what_is_a_layer_already_is_not_called(obj):
    assert construct(loaded(obj, "layer")) is obj


def test_exception_of_the_constructor_is_located_in_the_users_file():
    with pytest.raises(LayerError) as caught:
        construct(loaded(Raises))

    error = caught.value
    assert str(error).startswith("the constructor raised ValueError: cannot reshape")
    assert error.file == __file__
    assert error.line == Raises.__init__.__code__.co_firstlineno + 1
    assert isinstance(error.__cause__, ValueError)


def test_exit_of_the_constructor_is_its_exception():
    with pytest.raises(LayerError, match="the constructor raised SystemExit: 2"):
        construct(loaded(Exits))


def test_exception_without_a_frame_of_the_user_is_located_at_the_class():
    class Failing(Plain):
        __init__ = staticmethod(functools.partial(json.loads, "{"))

    with pytest.raises(LayerError, match="the constructor raised JSONDecodeError") as caught:
        construct(loaded(Failing))

    assert (caught.value.file, caught.value.line) == ("layers.py", 7)


def test_constructor_prints_nothing_on_stdout(capsys):
    construct(loaded(Prints))

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "noise\n")
