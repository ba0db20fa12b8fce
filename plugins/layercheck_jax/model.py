"""A layer of JAX as a pure function: what each way of writing one is turned into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from layercheck import Layout, Slot, Source
from layercheck_jax.arguments import CallArguments

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Values:
    """Learnables and states of an initialised layer, as NumPy arrays in its own dtypes."""

    learnables: tuple[Slot, ...]
    states: tuple[Slot, ...]


class Model(Protocol):
    """A layer of one kind."""

    @property
    def convention(self) -> str:
        """``linen``, ``nnx``, ``equinox``, ``custom_vjp``, ``custom_jvp`` or ``function``."""

    @property
    def layer(self) -> Any:
        """The user's object."""

    @property
    def arguments(self) -> CallArguments:
        """How it is called."""

    @property
    def one_pass(self) -> bool:
        """Nothing tells training from inference."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """Where its passes are written."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the report says about it."""

    def replaced(self, layer: Any) -> Model:
        """Return the same model of a copy of the layer."""

    def values(self, layouts: tuple[Layout, ...]) -> Values:
        """Return the initial learnables and states for inputs of `layouts`."""

    def apply(
        self,
        learnables: Arrays,
        states: Arrays,
        inputs: Arrays,
        key: Any,
        mode: str,
    ) -> tuple[Any, Arrays]:
        """Run one pass on arrays of JAX; return what it returns, and the new states."""
