"""Autodiff of NumPy code: its calls are carried out by jax.numpy, which differentiates them."""
