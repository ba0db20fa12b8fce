"""An Equinox layer with state: it takes away the mean of all observations that it has seen."""

import equinox as eqx
import jax
import jax.numpy as jnp


class RunningMean(eqx.Module):
    """Subtracts a running mean, which training updates."""

    mean: eqx.nn.StateIndex
    inference: bool

    def __init__(self, width: int = 5):
        self.mean = eqx.nn.StateIndex(jnp.zeros(width))
        self.inference = False

    def __call__(self, x, state):
        """Return the centred input and the new state."""
        mean = state.get(self.mean)
        if not self.inference:
            batch = jax.lax.stop_gradient(jax.lax.pmean(x, "batch"))
            state = state.set(self.mean, 0.9 * mean + 0.1 * batch)
        return x - mean, state
