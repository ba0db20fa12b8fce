"""Arguments of constructors that JAX supplies: random keys."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import jax

from layercheck_jax.kinds import kind_of

_MAKERS = ("make", "build", "create", "get", "new", "factory")


def supplied(maker: Any, seed: int) -> dict[str, Any]:
    """Return the random keys that a class of modules, or a factory of them, asks for."""
    kind = kind_of(maker)
    is_factory = isinstance(maker, FunctionType) and maker.__name__.split("_")[0] in _MAKERS
    if not (isinstance(maker, type) or is_factory):
        return {}
    names = _parameters(maker)
    found: dict[str, Any] = {}
    if "key" in names and kind != "linen":
        found["key"] = jax.random.key(seed % 2**32)
    if "rngs" in names and (kind == "nnx" or is_factory):
        from flax import nnx

        found["rngs"] = nnx.Rngs(seed % 2**32)
    return found


def _parameters(maker: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a factory, or of a constructor: nnx hides them behind its metaclass."""
    name = "__init__"
    function = getattr(maker, name) if isinstance(maker, type) else maker
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}
