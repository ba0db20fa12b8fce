"""Which of JAX's ways of writing layers an object follows."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

import jax

from layercheck import packages_used

_OWN = {"jax", "jaxlib", "flax", "equinox", "optax", "chex"}
_OTHERS = {"torch", "tensorflow", "keras", "mxnet"}


def kind_of(obj: Any) -> str | None:
    """Return ``linen``, ``nnx``, ``equinox``, ``custom_vjp``, ``custom_jvp`` or ``function``.

    None where `obj` is no layer of JAX. Nothing is imported: a package that is not imported has
    no layers.
    """
    for kind, base in _bases().items():
        if isinstance(obj, base) or (isinstance(obj, type) and issubclass(obj, base)):
            return None if obj is base else kind
    if is_with_state(obj):
        return "equinox"
    if isinstance(obj, type):
        return None
    rule = derivative_rule(obj)
    if rule is not None:
        return "custom_vjp" if isinstance(rule, jax.custom_vjp) else "custom_jvp"
    return "function" if is_jitted(obj) or _is_function(obj) else None


def is_with_state(obj: Any) -> bool:
    """Whether `obj` is what ``eqx.nn.make_with_state`` gives: a module and its state."""
    equinox = sys.modules.get("equinox")
    if equinox is None or type(obj) is not tuple or len(obj) != 2:
        return False
    return isinstance(obj[0], equinox.Module) and isinstance(obj[1], equinox.nn.State)


def derivative_rule(obj: Any) -> Any:
    """Return the ``custom_vjp`` or ``custom_jvp`` that a function is, below what wraps it."""
    while obj is not None:
        if isinstance(obj, (jax.custom_vjp, jax.custom_jvp)):
            return obj
        obj = getattr(obj, "__wrapped__", None)
    return None


def is_jitted(obj: Any) -> bool:
    """Whether `obj` is a function under ``jax.jit``."""
    return type(obj).__module__.partition(".")[0] in ("jax", "jaxlib") and hasattr(obj, "lower")


def _is_function(obj: Any) -> bool:
    if not isinstance(obj, FunctionType):
        return False
    used = packages_used(obj)
    return bool(used & _OWN) and not used & _OTHERS


def _bases() -> dict[str, type]:
    """The base class of each kind of module whose package is imported."""
    found: dict[str, type] = {}
    for kind, package, name in (
        ("linen", "flax.linen", "Module"),
        ("nnx", "flax.nnx", "Module"),
        ("equinox", "equinox", "Module"),
    ):
        base = getattr(sys.modules.get(package), name, None)
        if isinstance(base, type):
            found[kind] = base
    return found
