"""JAX functions, Flax linen, Flax nnx and Equinox modules, as layers of layercheck."""
