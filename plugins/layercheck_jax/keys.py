"""Random keys as layercheck seeds them: each pass of a layer draws another."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck import RandomSource


class KeySource(RandomSource):
    """Seeds for the keys of a layer's passes, one after another."""

    def __init__(self) -> None:
        self._seed, self._count = 0, 0

    def seed(self, seed: int) -> None:
        """Set it."""
        self._seed, self._count = seed, 0

    def state(self) -> Any:
        """Return where it stands."""
        return self._seed, self._count

    def restore(self, state: Any) -> None:
        """Put it where it stood."""
        self._seed, self._count = state

    def draw(self) -> np.uint32:
        """Return the seed of the next pass's key."""
        self._count += 1
        (number,) = np.random.SeedSequence([self._seed, self._count]).generate_state(1)
        return np.uint32(number)
