"""Generators that a pass makes anew, made again as they were for the same pass traced."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

Drawn = list[np.random.Generator]


@contextmanager
def drawn() -> Iterator[Drawn]:
    """Keep a copy of every generator that ``np.random.default_rng()`` makes without a seed."""
    original, kept = np.random.default_rng, []

    def default_rng(seed: Any = None) -> np.random.Generator:
        generator = original(seed)
        if seed is None:
            kept.append(copy.deepcopy(generator))
        return generator

    np.random.default_rng = default_rng
    try:
        yield kept
    finally:
        np.random.default_rng = original


@contextmanager
def replayed(kept: Drawn) -> Iterator[None]:
    """Let ``np.random.default_rng()`` without a seed make the generators of `drawn` again."""
    original, again = np.random.default_rng, iter(kept)

    def default_rng(seed: Any = None) -> np.random.Generator:
        known = next(again, None) if seed is None else None
        return original(seed) if known is None else copy.deepcopy(known)

    np.random.default_rng = default_rng
    try:
        yield
    finally:
        np.random.default_rng = original
