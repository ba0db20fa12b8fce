"""Layers whose true and claimed Jacobians are written down, and their diagnosis."""

from __future__ import annotations

import numpy as np

from layercheck.gradients.diagnose import diagnose
from tests.cases import make_case


def linear(true, claimed):
    """z = M x for each observation, on CB; backward applies another matrix."""

    class Linear:
        def predict(self, x):
            return true @ x

        def backward(self, x, z, dz, memory):
            return claimed.T @ dz

    return Linear


def elementwise(function, claimed):
    """z = f(x); backward multiplies by another slope."""

    class Elementwise:
        def predict(self, x):
            return function(x)

        def backward(self, x, z, dz, memory):
            return dz * claimed(x, z)

    return Elementwise


def with_gradient(predict, dx):
    """A layer without learnables; `dx` is what backward returns for x and dz."""

    class Made:
        def predict(self, x):
            return predict(x)

        def backward(self, x, z, dz, memory):
            return dx(x, dz)

    return Made


def diagnosed(layer, *layouts, of="input:x", seed=0, **options):
    """The diagnosis of one gradient, at ordinary values; raises where the layer does."""
    kind, name = of.split(":")
    case = make_case(layer, *layouts, seed=seed, **options)
    case.attempt_gradients()
    return diagnose(case, kind, name)


def cause_of(layer, *layouts, of="input:x", **options):
    """The first cause; None where none is known."""
    return diagnosed(layer, *layouts, of=of, **options).cause


def ids_of(layer, *layouts, of="input:x", **options):
    """The ids of all causes that match; the mistake must show."""
    found = diagnosed(layer, *layouts, of=of, **options)
    assert found.cause or found.facts
    return [cause.id for cause in (found.cause, *found.others) if cause is not None]


def matrix(rows, columns, seed=0):
    """A matrix without structure, no entry near zero."""
    rng = np.random.default_rng((rows, columns, seed))
    return rng.choice([-1, 1], (rows, columns)) * rng.uniform(0.3, 1.7, (rows, columns))
