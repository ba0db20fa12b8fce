"""Of any mistake in a gradient the element, the count and the size are told; of none, nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import layercheck
from tests.peers.wrong_pointwise import ONLY, Sine

MANY = settings(deadline=None, derandomize=True, max_examples=15)
MORE = settings(deadline=None, derandomize=True, max_examples=150)
FUNCTIONS = {
    "sin": (np.sin, np.cos),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "softplus": (lambda x: np.logaddexp(x, 0), lambda x: 1 / (1 + np.exp(-x))),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype)),
    "abs": (np.abs, np.sign),
    "clip": (lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1).astype(x.dtype)),
    "square": (np.square, lambda x: 2 * x),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "half": (lambda x: x / 2, lambda x: np.full_like(x, 0.5)),
}
FORMATS = ("CB", "BC", "SSCB", "BTC", "CTB", "SCB")


class Chain:
    """Elementwise functions one after another; element `at` of the gradient is spoilt."""

    def __init__(self, names, factor=1.0, at=None):
        self.names, self.factor, self.at = names, factor, at

    def predict(self, x):
        return self.steps(x)[-1]

    def steps(self, x):
        steps = [x]
        for name in self.names:
            steps.append(FUNCTIONS[name][0](steps[-1]))
        return steps

    def backward(self, x, z, dz, memory):
        for name, y in zip(reversed(self.names), reversed(self.steps(x)[:-1]), strict=True):
            dz = dz * FUNCTIONS[name][1](y)
        if self.at is not None:
            dz[self.at] *= self.factor
        return dz


@st.composite
def layouts(draw):
    """Return a layout of a few hundred elements at most."""
    format = draw(st.sampled_from(FORMATS))
    sizes = [draw(st.integers(1, 6)) for _ in format]
    return f"{format}:{','.join(map(str, sizes))}", tuple(sizes)


def checked(layer, layout, seed, dtype="float64"):
    return layercheck.check_layer(layer, layout, only=ONLY, dtypes=(dtype,), seed=seed)


def one_wrong_element_is_told(data):
    layout, shape = data.draw(layouts())
    at = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    factor = data.draw(st.sampled_from((-1.0, 0.0, 0.999, 1.001, 2.0, 1e6)))
    layer = Chain(("sin",), factor, at)
    report = checked(layer, layout, data.draw(st.integers(0, 1000)))
    failed = {result.id: result.finding for result in report.failures}

    assert list(failed) == ["gradients.input:x"], str(report)
    assert failed["gradients.input:x"].wrong == 1
    assert failed["gradients.input:x"].worst.index == at


def a_right_chain_is_not_accused(data):
    names = tuple(data.draw(st.lists(st.sampled_from(sorted(FUNCTIONS)), min_size=1, max_size=4)))
    assume(sum(name in ("cube", "square") for name in names) < 3)
    layout, _ = data.draw(layouts())
    dtype = data.draw(st.sampled_from(("float64", "float32")))
    report = checked(Chain(names), layout, data.draw(st.integers(0, 1000)), dtype)

    assert not report.failures, str(report)


def a_factor_is_found_whatever_the_scale(data):
    scale = 10.0 ** data.draw(st.integers(-30, 30))
    factor = data.draw(st.sampled_from((-3.0, -1.0, 0.0, 0.99, 1.01, 1e3)))

    class Spoilt(Sine):
        def spoilt(self, x, dx, dz):
            return factor * dx

    layout, _ = data.draw(layouts())
    seed = data.draw(st.integers(0, 1000))

    assert not checked(Sine(scale), layout, seed).failures
    assert [r.id for r in checked(Spoilt(scale), layout, seed).failures] == ["gradients.input:x"]


PROPERTIES = (
    one_wrong_element_is_told,
    a_right_chain_is_not_accused,
    a_factor_is_found_whatever_the_scale,
)


@pytest.mark.parametrize("holds", PROPERTIES)
@MANY
@given(data=st.data())
def test_a_property_holds(holds, data):
    holds(data)


@pytest.mark.corpus
@pytest.mark.parametrize("holds", PROPERTIES)
@MORE
@given(data=st.data())
def test_a_property_holds_in_many_examples(holds, data):
    holds(data)
