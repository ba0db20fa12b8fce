"""An nnx module that counts its calls in a Python number: each call compiles it again."""

import jax.numpy as jnp
from flax import nnx


class Warmup(nnx.Module):
    """A dense layer that knows how often it was called."""

    def __init__(self, width: int = 5, *, rngs: nnx.Rngs):
        self.dense = nnx.Linear(width, width, rngs=rngs)
        self.calls = 0

    def __call__(self, x):
        """Count, and return the activations."""
        self.calls += 1
        return jnp.tanh(self.dense(x))
