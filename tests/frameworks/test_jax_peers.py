"""Functions of JAX that other checkers pass although wrong, or accuse although right."""

from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("jax")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

import layercheck  # noqa: E402

OUTPUTS_OF_CHECK_GRADS = "C:600"
ELEMENTS_OF_CHEX = "C:1200"


def sine_with(backward):
    """A sine of scale 1 whose vjp is `backward`, of x and the upstream gradient."""

    @jax.custom_vjp
    def sine(x):
        return jnp.sin(x)

    sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, dz: (backward(x, dz),))
    return sine


def failed(layer, layout, **options):
    report = layercheck.check_layer(layer, layout, only="gradients", **options)
    assert not [r for r in report.results if r.outcome is layercheck.Outcome.INCOMPLETE]
    return {result.id for result in report.failures}


WRONG = {
    "zero": (lambda x, dz: jnp.zeros_like(x), OUTPUTS_OF_CHECK_GRADS),
    "five times, negated": (lambda x, dz: -5 * jnp.cos(x) * dz, "C:5000"),
    "1.3 times": (lambda x, dz: 1.3 * jnp.cos(x) * dz, ELEMENTS_OF_CHEX),
    "one element doubled": (
        lambda x, dz: (jnp.cos(x) * dz).at[500].multiply(2.0),
        ELEMENTS_OF_CHEX,
    ),
    "one element tenth more": (
        lambda x, dz: (jnp.cos(x) * dz).at[3].multiply(1.1),
        ELEMENTS_OF_CHEX,
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_vjp_that_others_pass_is_found(name, dtype):
    backward, layout = WRONG[name]

    assert "gradients.input:x" in failed(sine_with(backward), layout, dtypes=[dtype])


def test_a_wrong_vjp_of_small_values_is_found_in_float32():
    @jax.custom_vjp
    def small(x):
        return 1e-4 * jnp.sin(x)

    small.defvjp(lambda x: (1e-4 * jnp.sin(x), x), lambda x, dz: (-3e-4 * jnp.cos(x) * dz,))

    assert "gradients.input:x" in failed(small, "C:20", dtypes=["float32"])


def test_a_stopped_gradient_is_found():
    def scaled(x):
        return x * jax.lax.stop_gradient(jnp.tanh(x))

    assert "gradients.input:x" in failed(scaled, "BC:4,5")


def test_a_vjp_right_once_and_wrong_twice_is_found():
    def once(x, dz):
        return jax.lax.stop_gradient(jnp.cos(x)) * dz

    assert failed(sine_with(once), "BC:4,5") == {"gradients.second_order"}


def test_a_right_vjp_is_right_twice():
    assert failed(sine_with(lambda x, dz: jnp.cos(x) * dz), "BC:4,5") == set()


def test_a_cumulative_product_is_right_twice():
    def product(x):
        return jnp.cumprod(x, axis=-1)

    assert failed(product, "BC:3,4") == set()


def test_a_sum_of_a_softmax_is_no_false_alarm():
    def constant(x):
        return jnp.sum(jax.nn.softmax(x), axis=-1)

    assert failed(constant, "BC:3,4") == set()
