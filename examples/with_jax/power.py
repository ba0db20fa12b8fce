"""x ** n, where n is no array: an argument that is not differentiated."""

from functools import partial

import jax


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def power(x, n):
    """Return x ** n."""
    return x**n


def power_fwd(x, n):
    """Return the output, and what backward needs."""
    return x**n, x


def power_bwd(n, x, dz):
    """Return the gradient of x."""
    return (dz * n * x ** (n - 1),)


power.defvjp(power_fwd, power_bwd)
