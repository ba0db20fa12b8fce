"""JAX functions, Flax linen, Flax nnx and Equinox modules, as layers of layercheck."""

from __future__ import annotations

from layercheck_jax.framework import framework

__all__ = ["framework"]
