"""A residual block in Flax nnx: batch statistics and dropout follow train() and eval()."""

import jax
from flax import nnx


class Residual(nnx.Module):
    """Normalised, activated, multiplied, and added to what came in."""

    def __init__(self, width: int = 5, *, rngs: nnx.Rngs):
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.dense = nnx.Linear(width, width, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        """Return the sum of the input and the branch."""
        return x + self.drop(self.dense(jax.nn.relu(self.norm(x))))
