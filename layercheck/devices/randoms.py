"""`cupy.random` of the rehearsal: NumPy's generators, whose draws live on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.devices import table
from layercheck.devices.dispatch import unwrapped, wrapped
from layercheck.devices.refusals import NotRehearsed, refuse_missing

_GENERATORS = ("default_rng", "Generator", "RandomState")


def random_function(name: str) -> Any:
    """Return what `cupy.random` has under a name."""
    if name in _GENERATORS:
        return _maker(name)
    if not hasattr(np.random, name):
        raise NotRehearsed(f"The rehearsal has no cupy.random.{name}; only a GPU can tell.")
    value = getattr(np.random, name)
    return _drawing(name, value) if callable(value) and not isinstance(value, type) else value


def _drawing(name: str, draw: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        # CuPy's functions of the global generator take a dtype, NumPy's do not
        known = table.parameters("cupy.random", name) or frozenset()
        dtype = kwargs.pop("dtype", None) if "dtype" in known else None
        drawn = draw(*map(unwrapped, args), **{k: unwrapped(v) for k, v in kwargs.items()})
        if dtype is not None:
            drawn = np.asarray(drawn, dtype)
        return None if name == "seed" else wrapped(np.asarray(drawn))

    function.__name__ = name
    return function


def _maker(name: str) -> Callable[..., DeviceGenerator]:
    def make(seed: Any = None) -> DeviceGenerator:
        if name == "Generator":
            return DeviceGenerator(np.random.Generator(seed))
        return DeviceGenerator(getattr(np.random, name)(unwrapped(seed)))

    return make


class DeviceGenerator:
    """A generator of `cupy.random`."""

    def __init__(self, generator: Any) -> None:
        self._generator = generator

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._generator, name, None)
        if method is None:
            refuse_missing(f"method {name} of a generator", name)

        def draw(*args: Any, **kwargs: Any) -> Any:
            keywords = {key: unwrapped(value) for key, value in kwargs.items()}
            drawn = method(*map(unwrapped, args), **keywords)
            return drawn if drawn is None else wrapped(np.asarray(drawn))

        return draw
