"""Swish with a backward pass of its own, which keeps one array instead of two."""

import jax


@jax.custom_vjp
def swish(x):
    """Return x * sigmoid(x)."""
    return x * jax.nn.sigmoid(x)


def swish_fwd(x):
    """Return the output, and what backward needs."""
    return swish(x), x


def swish_bwd(x, dz):
    """Return the gradient of x."""
    s = jax.nn.sigmoid(x)
    return (dz * (s + x * s * (1 - s)),)


swish.defvjp(swish_fwd, swish_bwd)
