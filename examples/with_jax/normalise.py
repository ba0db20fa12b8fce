"""A function that asks for the value of an array, and so cannot be differentiated or compiled."""

import jax.numpy as jnp


def normalise(x):
    """Return x with no element above 1."""
    return x / (1.0 + float(jnp.abs(x).max()))
