"""PyTorch's generators, as layercheck seeds them and puts them back."""

from __future__ import annotations

from typing import Any

import torch

from layercheck import RandomSource


class TorchGenerator(RandomSource):
    """The default generator of the CPU, or another one."""

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self._generator = torch.default_generator if generator is None else generator

    def seed(self, seed: int) -> None:
        """Set it."""
        self._generator.manual_seed(seed)

    def state(self) -> Any:
        """Return where it stands."""
        return self._generator.get_state()

    def restore(self, state: Any) -> None:
        """Put it where it stood."""
        self._generator.set_state(state)
