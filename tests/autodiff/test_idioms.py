"""NumPy code is differentiated as it stands, or the line that breaks the trace is named."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from frameworks.needs import needs

needs("jax")

from autodiff.breaks import BREAKS  # noqa: E402
from autodiff.idioms import IDIOMS  # noqa: E402

import layercheck  # noqa: E402

X = np.random.default_rng(5).normal(size=(3, 4)) * 1.3


QUICK = 5  # one idiom in so many is tried in every run
NAMES = [
    pytest.param(name, marks=pytest.mark.corpus if number % QUICK else ())
    for number, name in enumerate(IDIOMS)
]


def slope(f, x, v):
    """The derivative along v by differences of fourth order."""
    h = 1e-4
    near, far = (f(x + h * v) - f(x - h * v)), (f(x + 2 * h * v) - f(x - 2 * h * v))
    return (8 * near - far) / (12 * h)


def weighed(function):
    """The function as one number: each output with a weight of its own."""

    def one(x):
        z = function(x)
        return (z * np.cos(np.arange(z.size)).reshape(z.shape)).sum()

    return one


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_an_idiom_agrees_with_differences(name):
    f = weighed(IDIOMS[name])
    with np.errstate(all="ignore"):
        gradient = layercheck.gradient(f)(X.copy())
        for seed in range(3):
            v = np.random.default_rng(seed).normal(size=X.shape)
            expected = slope(f, X.copy(), v)

            assert np.sum(gradient * v) == pytest.approx(expected, rel=2e-7, abs=2e-8)
    assert gradient.shape == X.shape
    assert np.any(gradient)


@pytest.mark.corpus
@pytest.mark.parametrize("name", IDIOMS)
def test_a_gradient_can_be_differentiated_again(name):
    f = weighed(IDIOMS[name])
    v, w = (np.random.default_rng(seed).normal(size=X.shape) for seed in (1, 2))
    first = layercheck.gradient(f)

    with np.errstate(all="ignore"):
        second = layercheck.gradient(lambda x: np.sum(first(x) * v))(X.copy())
        expected = slope(lambda x: np.sum(first(x) * v), X.copy(), w)

    assert np.sum(second * w) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_the_trace_is_an_error_with_its_line(name):
    function, words = BREAKS[name]
    lines, start = inspect.getsourcelines(function)
    marked = start + next(i for i, line in enumerate(lines) if "# HERE" in line)

    with pytest.raises(
        layercheck.TraceError, match=words.replace("(", r"\(").replace(")", r"\)")
    ) as e:
        layercheck.gradient(lambda x: function(x).sum())(X.copy())

    assert (e.value.file, e.value.line) == (inspect.getsourcefile(function), marked)
    assert e.value.remedy


def test_the_table_is_as_long_as_it_says():
    assert len(IDIOMS) >= 80
    assert len(BREAKS) >= 20
