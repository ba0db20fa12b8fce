"""The variables of a Keras layer: what is trained, what is not, and the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.random.seed_generator import global_seed_generator

_FOREIGN = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "optree", "ml_dtypes")
_NODES = ("_inbound_nodes", "_outbound_nodes")


@dataclass(frozen=True)
class Variables:
    """The variables of a layer.

    Parameters
    ----------
    learnables : tuple
        Those that Keras trains.
    states : tuple
        Weights that are not trained, and what the layer keeps besides, as a stateful recurrent
        layer does.
    seeds : tuple
        Where its seed generators stand, and that of Keras itself.
    """

    learnables: tuple[Any, ...] = ()
    states: tuple[Any, ...] = ()
    seeds: tuple[Any, ...] = ()

    @classmethod
    def of(cls, layer: Any) -> Variables:
        """Return those of a layer; a function has the seed of Keras alone."""
        own = (global_seed_generator().state,)
        if not isinstance(layer, keras.Layer):
            return cls(seeds=own)
        learnables = tuple(layer.trainable_variables)
        weights = tuple(layer.non_trainable_weights)
        known = {id(v) for v in (*learnables, *weights)}
        seeds = tuple(v for v in layer.non_trainable_variables if id(v) not in known)
        known |= {id(v) for v in seeds}
        others = tuple(
            item
            for _, item in held(layer)
            if isinstance(item, keras.Variable) and not item.trainable and id(item) not in known
        )
        return cls(learnables, (*weights, *others), (*seeds, *own))

    @property
    def all(self) -> tuple[Any, ...]:
        """Every variable."""
        return (*self.learnables, *self.states, *self.seeds)


def held(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a layer holds with its path, each object once."""
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", layer)]
    while stack:
        path, item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if path:
            yield path, item
        parts = reversed(_parts(item))
        stack += [(f"{path}.{name}" if path else str(name), part) for name, part in parts]


def _parts(item: Any) -> list[tuple[Any, Any]]:
    if isinstance(item, dict):
        return list(item.items())
    if isinstance(item, (list, tuple, set)):
        return list(enumerate(item))
    if isinstance(item, (keras.Variable, keras.random.SeedGenerator, type)) or not opens(item):
        return []
    own = getattr(item, "__dict__", {})
    return [(name, value) for name, value in own.items() if name not in _NODES]


def opens(item: Any) -> bool:
    """Whether an object is part of a layer: a layer, or of a class of the user's."""
    cls = type(item)
    top = cls.__module__.partition(".")[0]
    if top in _FOREIGN:
        return isinstance(item, keras.Layer) or cls.__module__.endswith("utils.tracking")
    return top not in ("builtins", "functools", "layercheck")
