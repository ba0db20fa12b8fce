"""PyTorch's generators, as layercheck seeds them and puts them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from layercheck import RandomSource
from layercheck_torch.tree import walk


class TorchGenerator(RandomSource):
    """The default generator of the CPU, or another one."""

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self._generator = torch.default_generator if generator is None else generator
        self.shared = "torch.random" if generator is None else None

    def seed(self, seed: int) -> None:
        """Set it."""
        self._generator.manual_seed(seed)

    def state(self) -> Any:
        """Return where it stands."""
        return self._generator.get_state()

    def restore(self, state: Any) -> None:
        """Put it where it stood."""
        self._generator.set_state(state)


def generators_of(layer: Any) -> tuple[Any, ...]:
    """Return the default generator, and those that a layer holds."""
    own: list[Any] = []
    for _, value in walk(layer):
        if isinstance(value, torch.Generator):
            own.append(TorchGenerator(value))
        elif isinstance(value, (np.random.Generator, np.random.RandomState)):
            own.append(value)
    return (TorchGenerator(), *own)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Set the default generator in the block, and put it back afterwards."""
    default = TorchGenerator()
    before = default.state()
    default.seed(seed)
    try:
        yield
    finally:
        default.restore(before)
