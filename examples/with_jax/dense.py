"""A dense layer as a function of its parameters, as plain JAX is written."""

import jax.numpy as jnp


def dense(params, x):
    """Return the activations; params holds the weights W and the bias b."""
    return jnp.tanh(x @ params["W"] + params["b"])
