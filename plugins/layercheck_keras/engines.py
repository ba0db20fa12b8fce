"""How each backend of Keras makes tensors and differentiates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol

import keras
import numpy as np

from layercheck import UsageError, backends_installed

Leaves = tuple[Any, ...]
Call = Callable[[Leaves], tuple[Leaves, Leaves]]
_ENGINES = {
    "tensorflow": ("layercheck_tensorflow.engine", "TensorflowEngine"),
    "jax": ("layercheck_keras.on_jax", "JaxEngine"),
    "torch": ("layercheck_keras.on_torch", "TorchEngine"),
}


class Engine(Protocol):
    """A backend: it runs a function of leaves, and differentiates it.

    The function returns outputs and states. Tapes are the backend's own.
    """

    def precision(self, dtype: np.dtype[Any]) -> AbstractContextManager[Any]:
        """Return a context in which a dtype can be used."""

    def tensor(self, array: Any) -> Any:
        """Return a tensor with the values of an array."""

    def array(self, tensor: Any) -> np.ndarray:
        """Return the values of a tensor."""

    def is_tensor(self, value: Any) -> bool:
        """Whether a value is a tensor."""

    def run(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves]:
        """Run without recording."""

    def record(self, call: Call, leaves: Leaves) -> tuple[Leaves, Leaves, Any]:
        """Run and record; the third is the tape."""

    def pull_back(self, tape: Any, upstream: Leaves) -> list[Any]:
        """Return the gradient of every leaf, None where there is none."""

    def push_forward(
        self, call: Call, leaves: Leaves, along: Sequence[Any]
    ) -> tuple[Leaves, list[Any]]:
        """Return the outputs and their derivatives along directions."""

    def pull_back_twice(
        self, call: Call, leaves: Leaves, upstream: Leaves, along: Sequence[Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the gradients, and those of their product with directions."""


def engine() -> Engine:
    """Return the engine of the backend that Keras was imported with.

    Raises
    ------
    UsageError
        It has no gradients.
    """
    name = keras.config.backend()
    if name not in _ENGINES:
        others = " or ".join(f"--declare backend={each}" for each in backends_installed())
        raise UsageError(
            f"Keras runs on its {name} backend, which has no gradients to be checked. "
            f"Pass {others or 'a backend: pip install tensorflow-cpu'}."
        )
    module, kind = _ENGINES[name]
    made: Engine = getattr(import_module(module), kind)()
    return made
