"""Where the gradients of a layer are after backward, and how they are read there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from layercheck.conventions.pairing import sentence
from layercheck.conventions.places import Place
from layercheck.conventions.recorder import gradient_for
from layercheck.conventions.returns import Path


@dataclass(frozen=True)
class After:
    """A layer after backward.

    Parameters
    ----------
    result : object
        What backward returned.
    live : dict
        The learnables that the layer had when backward was called, by reference.
    before : dict
        Copies of their values then.
    records : list
        What the recorders in the place of optimizers got.
    """

    layer: Any
    result: Any
    live: dict[Place, Any]
    before: dict[Place, Any]
    records: list[tuple[str, tuple[Any, ...]]]


@dataclass(frozen=True)
class Returned:
    """Backward returns it, at `path` of nested tuples, lists and dicts."""

    path: Path

    def read(self, after: After) -> Any:
        """Return the gradient, None where nothing is at the path."""
        value = after.result
        for step in self.path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    @property
    def sentence(self) -> str:
        """Where it is, in words."""
        where = ".".join(str(step) for step in self.path)
        return f"returned by backward(), item {where}" if self.path else "returned by backward()"


@dataclass(frozen=True)
class At:
    """An attribute, a key or an item of the layer holds it."""

    place: Place

    def read(self, after: After) -> Any:
        """Return the gradient, None where nothing is there."""
        return self.place.find(after.layer)

    @property
    def sentence(self) -> str:
        """Where it is, in words."""
        return sentence(self.place)


@dataclass(frozen=True)
class Updated:
    """Backward subtracts `step` times the gradient from the learnable at `place`."""

    place: Place
    step: float

    def read(self, after: After) -> Any:
        """Return the difference over the step, None where nothing is left."""
        left = self.place.find(after.layer)
        return None if left is None else (after.before[self.place] - left) / self.step

    @property
    def sentence(self) -> str:
        """Where it is, in words."""
        return "the update in backward(), divided by the learning rate"


@dataclass(frozen=True)
class Recorded:
    """Backward hands it to an optimizer's `method`, together with the learnable at `place`."""

    place: Place
    method: str

    def read(self, after: After) -> Any:
        """Return what the optimizer got, None where it got nothing for this learnable."""
        found = gradient_for(after.live[self.place], after.records)
        return None if found is None else found[1]

    @property
    def sentence(self) -> str:
        """Where it is, in words."""
        return f"handed to the optimizer's {self.method}()"


Where = Returned | At | Updated | Recorded
