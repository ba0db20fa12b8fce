from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("jax", "flax", "equinox")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from frameworks import jax_layers  # noqa: E402

import layercheck  # noqa: E402

KINDS = {
    "affine": ("function", ["BC:4,5", "CU:5,3", "C:3"], {}),
    "jitted": ("function", ["BC:4,5", "CU:5,3", "C:3"], {}),
    "masked_tanh": ("function", ["BC:64,5"], {}),
    "dense": ("function", ["BC:4,5"], {"learnable": {"params.w": (5, 3), "params.b": ()}}),
    "swish": ("custom_vjp", ["BC:4,5"], {}),
    "softplus": ("custom_jvp", ["BC:4,5"], {}),
    "LinenBlock": ("linen", ["BC:6,5"], {}),
    "NnxBlock": ("nnx", ["BC:6,5"], {}),
    "EquinoxBlock": ("equinox", ["BC:6,5"], {}),
    "EquinoxNorm": ("equinox", ["BC:6,5"], {}),
}


def subject_of(layer, *layouts, **options):
    report = layercheck.check_layer(layer, *layouts, only="shapes.forward", **options)
    (checked,) = report.run.layers
    return checked


@pytest.mark.parametrize("name", KINDS)
def test_a_correct_layer_of_each_kind_fails_nothing(name):
    convention, layouts, options = KINDS[name]
    report = layercheck.check_layer(getattr(jax_layers, name), *layouts, **options)

    assert [r.id for r in report.failures] == []
    assert not [r for r in report.results if r.outcome is layercheck.Outcome.INCOMPLETE]
    (checked,) = report.run.layers
    assert (checked.framework, checked.convention) == ("jax", convention)


def test_complex_gradients_are_the_conjugates_of_those_of_jax():
    def square(z):
        return z * jnp.conj(z) * (1 + 2j)

    z = np.array([[1 + 2j, 0.5 - 1j]])
    report = layercheck.check_layer(square, "BC:1,2", data=z, only="gradients")

    assert [r.id for r in report.failures] == []
    assert report.ok


def test_the_users_precision_is_left_as_it_was():
    before = jax.config.jax_enable_x64
    layercheck.check_layer(jax_layers.swish, "BC:2,3", only="shapes,dtypes")

    assert jax.config.jax_enable_x64 == before
    assert jnp.zeros(3).dtype == (jnp.float64 if before else jnp.float32)
