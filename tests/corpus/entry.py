"""One layer of the corpus, and what layercheck must say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Entry:
    """A layer with the exact ids (without dtype and device) of the checks it fails.

    `layer` is a class, an object or a (forward, backward) pair; `init` are the arguments of the
    class, `options` those of `check_layer`.
    """

    name: str
    layer: Any
    layouts: tuple[str, ...]
    fails: frozenset[str] = frozenset()
    init: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        return self.name


def right(layer: Any, *layouts: str, name: str = "", note: str = "", **arguments: Any) -> Entry:
    """Make the entry of a correct layer; `init` is split from the options."""
    init = arguments.pop("init", {})
    return Entry(name or name_of(layer), layer, layouts, frozenset(), init, arguments, note)


def wrong(
    layer: Any, *layouts: str, fails: str, name: str = "", note: str = "", **arguments: Any
) -> Entry:
    """Make the entry of a layer wrong on purpose; `fails` lists ids between spaces."""
    init = arguments.pop("init", {})
    failing = frozenset(fails.split())
    return Entry(name or name_of(layer), layer, layouts, failing, init, arguments, note)


def name_of(layer: Any) -> str:
    """Return ``module.Class`` or ``module.stem`` of a pair's forward function."""
    named = layer[0] if isinstance(layer, tuple) else layer
    if not hasattr(named, "__qualname__"):
        named = type(named)
    module = named.__module__.rpartition(".")[2]
    return f"{module}.{named.__qualname__.removesuffix('_forward')}"


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return values for weights, the same for the same shape and seed."""
    return np.random.default_rng((seed, *shape)).normal(size=shape) / 2
