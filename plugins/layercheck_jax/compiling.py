"""Compiled passes: small arrays need a quick compiler, large ones quick code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LARGE = 100_000  # elements of all arguments together
# About four times faster to compile, measured on the CPU with jax 0.10
_QUICK = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` under ``jax.jit``."""
    thorough = jax.jit(function)
    quick = jax.jit(function, compiler_options=_quick_options())

    def run(*arguments: Any) -> Any:
        size = sum(np.size(leaf) for leaf in jax.tree.leaves(arguments))
        return (thorough if size > LARGE else quick)(*arguments)

    return run


def on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function arrays of JAX, as ``jax.jit`` does, and call it as it is."""

    def run(*arguments: Any) -> Any:
        return function(*jax.tree.map(jnp.array, arguments))

    return run


@cache
def _quick_options() -> dict[str, Any] | None:
    """The options that this version of JAX knows on this device; None: not these."""
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda x: x, compiler_options=_QUICK)(np.float32(0))
    except Exception:
        return None
    return dict(_QUICK)
