"""Where an array lives in a user's layer: a path of attributes, keys and indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from layercheck.residence import Resident, resident

Step = tuple[Literal["attribute", "key", "index"], Any]


@dataclass(frozen=True)
class Place:
    """A path from the layer to one of its arrays.

    Parameters
    ----------
    steps : tuple of (kind, name)
        ``(("attribute", "params"), ("key", "W"))`` is ``layer.params["W"]``.
    """

    steps: tuple[Step, ...]

    @classmethod
    def attribute(cls, *names: str) -> Place:
        """Return the place ``layer.a.b`` for the names a, b."""
        return cls(tuple(("attribute", name) for name in names))

    def __truediv__(self, step: Step) -> Place:
        return Place((*self.steps, step))

    @property
    def name(self) -> str:
        """The dotted name: ``params.W``, ``params.0``, ``fc1.W``."""
        return ".".join(str(name) for _, name in self.steps)

    def get(self, layer: Any) -> Any:
        """Return what is there; raises AttributeError, KeyError or IndexError where nothing is."""
        for kind, name in self.steps:
            layer = getattr(layer, name) if kind == "attribute" else layer[name]
        return layer

    def find(self, layer: Any) -> Any:
        """Return what is there, or None; a property of the user's may raise anything."""
        try:
            return self.get(layer)
        except Exception:
            return None

    def put(self, layer: Any, value: Any) -> None:
        """Replace what is there."""
        kind, name = self.steps[-1]
        owner = Place(self.steps[:-1]).get(layer)
        if kind == "attribute":
            setattr(owner, name, value)
        else:
            owner[name] = value

    def write(self, layer: Any, value: np.ndarray) -> None:
        """Write `value` into the array that is there, so that whatever shares it sees it.

        What cannot be written to (a scalar, another shape or dtype) is replaced by a copy.
        """
        current = self.find(layer)
        if (
            isinstance(current, np.ndarray)
            and current.shape == value.shape
            and current.dtype == value.dtype
            and current.flags.writeable
        ):
            current[...] = value
        else:
            self.replace(layer, value)

    def replace(self, layer: Any, value: np.ndarray) -> None:
        """Put a copy of `value` there; the array that was there keeps its values."""
        current = self.find(layer)
        if isinstance(current, (float, complex)) and not isinstance(current, np.generic):
            self.put(layer, value.item())
        elif isinstance(current, Resident):
            self.put(layer, resident(value.copy()))
        else:
            self.put(layer, value.copy() if value.ndim else value.copy()[()])
