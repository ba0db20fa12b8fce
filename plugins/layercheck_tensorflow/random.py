"""TensorFlow's generators, as layercheck seeds them and puts them back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from tensorflow.python.eager import context

from layercheck import RandomSource


class GlobalSeed(RandomSource):
    """What ``tf.random.normal`` and the other functions without a generator draw from.

    ``tf.random.set_seed`` forgets all compiled operations, since some of them keep where their
    random numbers stand, and the next pass takes ten times as long. So it is called only where
    something was drawn.

    Parameters
    ----------
    in_graphs : bool
        Traced functions draw: that cannot be seen from here, and may always have happened.
    """

    _untouched: Any = None

    def __init__(self, *, in_graphs: bool = False) -> None:
        self._in_graphs = in_graphs

    def seed(self, seed: int) -> None:
        """Set it."""
        self._set(seed % 2**31, None)

    def state(self) -> Any:
        """Return where it stands."""
        eager = context.context()
        return (None, None) if eager._seed is None else (eager._seed, eager._rng.getstate())

    def restore(self, state: Any) -> None:
        """Put it where it stood."""
        self._set(*state)

    def _set(self, seed: int | None, drawn: Any) -> None:
        eager = context.context()
        if self._in_graphs or self.state() != GlobalSeed._untouched:
            eager._set_global_seed(seed)
        else:
            eager._seed, eager._rng = seed, random.Random(seed)
        if drawn is not None:
            eager._rng.setstate(drawn)
        GlobalSeed._untouched = self.state()


class GeneratorObject(RandomSource):
    """A ``tf.random.Generator`` that a layer holds."""

    def __init__(self, generator: Any) -> None:
        self._set = generator.reset_from_seed
        self._read = generator.state.numpy
        self._write = generator.state.assign

    def seed(self, seed: int) -> None:
        """Set it; seeds that follow one another would give draws that are alike."""
        self._set(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))

    def state(self) -> Any:
        """Return where it stands."""
        return np.array(self._read())

    def restore(self, state: Any) -> None:
        """Put it where it stood."""
        self._write(state)
