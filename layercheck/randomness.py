"""Every random number generator that a layer can reach, seeded and put back."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from layercheck.copying import reachable

State = tuple[Any, Any, list[Any]]


class RandomSource(ABC):
    """A random number generator of a framework.

    Attributes
    ----------
    shared : str or None
        The framework's name of it, where it is the generator of the whole program.
    """

    shared: str | None = None

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Set it; seeds are below 2^63."""

    @abstractmethod
    def state(self) -> Any:
        """Return where it stands."""

    @abstractmethod
    def restore(self, state: Any) -> None:
        """Put it where it stood."""


_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random, RandomSource)


class Generators:
    """The global generators of ``random`` and ``numpy.random`` and those that `roots` hold.

    Parameters
    ----------
    roots : objects
        Usually the layer, and the globals of the module that defines it.
    """

    def __init__(self, *roots: Any) -> None:
        self._own = [item for item in reachable(*roots) if isinstance(item, _GENERATORS)]

    def seed(self, seed: int) -> None:
        """Set every generator; two generators never get the same stream."""
        np.random.seed(seed % 2**32)  # noqa: NPY002 - layers draw from it
        random.seed(seed)
        for number, generator in enumerate(self._own):
            if isinstance(generator, (random.Random, RandomSource)):
                generator.seed((seed + 1 + number) % 2**63)
                continue
            bits = _bit_generator(generator)
            bits.state = type(bits)(np.random.SeedSequence([seed, number])).state

    def state(self) -> State:
        """Return where every generator stands."""
        return (
            np.random.get_state(),  # noqa: NPY002
            random.getstate(),
            [_stand(generator) for generator in self._own],
        )

    def restore(self, state: State) -> None:
        """Put every generator where `state`, from an equal set of generators, says."""
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])
        for generator, own in zip(self._own, state[2], strict=True):
            if isinstance(generator, RandomSource):
                generator.restore(own)
            elif isinstance(generator, random.Random):
                generator.setstate(own)
            else:
                _bit_generator(generator).state = own

    @contextmanager
    def preserved(self) -> Iterator[None]:
        """Put every generator back on leaving the block."""
        state = self.state()
        try:
            yield
        finally:
            self.restore(state)


def _stand(generator: Any) -> Any:
    if isinstance(generator, RandomSource):
        return generator.state()
    if isinstance(generator, random.Random):
        return generator.getstate()
    return _bit_generator(generator).state


def _bit_generator(generator: np.random.Generator | np.random.RandomState) -> Any:
    if isinstance(generator, np.random.RandomState):
        return generator._bit_generator
    return generator.bit_generator


@contextmanager
def seeded_defaults(seed: int) -> Iterator[None]:
    """Make ``np.random.default_rng()``, called without a seed, draw from `seed` in the block.

    A layer that builds a fresh generator from the operating system's entropy in every forward
    is then as repeatable as one that keeps its generator.
    """
    original = np.random.default_rng
    fresh = np.random.SeedSequence(seed % 2**63)

    def default_rng(seed: Any = None) -> np.random.Generator:
        return original(fresh.spawn(1)[0] if seed is None else seed)

    np.random.default_rng = default_rng
    try:
        yield
    finally:
        np.random.default_rng = original


@contextmanager
def seeded(seed: int, *roots: Any) -> Iterator[None]:
    """Set every generator from `seed` in the block, and put it back afterwards."""
    generators = Generators(*roots)
    with generators.preserved(), seeded_defaults(seed):
        generators.seed(seed)
        yield
