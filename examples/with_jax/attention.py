"""Causal self-attention in Flax linen, with dropout in training."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class CausalAttention(nn.Module):
    """Each step attends to itself and to those before it."""

    heads: int = 2
    rate: float = 0.1

    @nn.compact
    def __call__(self, x, train: bool):
        """Return one output for each step."""
        steps, width = x.shape[-2:]
        q, k, v = (nn.DenseGeneral((self.heads, width // self.heads))(x) for _ in range(3))
        scores = jnp.einsum("bqhc,bkhc->bhqk", q, k) / jnp.sqrt(width // self.heads)
        past = jnp.tril(jnp.ones((steps, steps), bool))
        weights = jax.nn.softmax(jnp.where(past, scores, -1e9))
        weights = nn.Dropout(self.rate, deterministic=not train)(weights)
        return nn.DenseGeneral(width, axis=(-2, -1))(jnp.einsum("bhqk,bkhc->bqhc", weights, v))
