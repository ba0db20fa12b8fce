"""What layercheck is told about JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from layercheck import Framework, Request, Subject, TargetError
from layercheck_jax.constructors import supplied
from layercheck_jax.kinds import kind_of
from layercheck_jax.model import Model
from layercheck_jax.subjects import make_subject


def recognise(obj: Any) -> bool:
    """Whether `obj` is a function of JAX, or a module or class of modules of Flax or Equinox."""
    return kind_of(obj) is not None


def adapt(request: Request) -> Subject:
    """Turn a layer of JAX into a subject."""
    kind = kind_of(request.layer)
    if kind is None:
        raise TargetError(f"{request.name} is no layer of JAX, Flax or Equinox.")
    return make_subject(request, _maker(kind)(request))


def _maker(kind: str) -> Callable[[Request], Model]:
    if kind == "linen":
        from layercheck_jax.linen import linen_model

        return linen_model
    if kind == "nnx":
        from layercheck_jax.nnx import nnx_model

        return nnx_model
    if kind == "equinox":
        from layercheck_jax.equinox import equinox_model

        return equinox_model
    from layercheck_jax.functions import function_model

    return function_model


def arguments(maker: Any, seed: int) -> Mapping[str, Any]:
    """Random keys that a constructor asks for."""
    return supplied(maker, seed)


framework = Framework("jax", recognise, adapt, arguments)
