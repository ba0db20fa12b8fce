"""Inputs at which a gradient is looked at: ordinary ones, and those where bugs hide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

CLEARANCE = 0.01  # ordinary values keep this distance from multiples of 1/2, where kinks are


def _normal(shape, rng):
    return _away_from_kinks(rng.uniform(-2, 2, shape))


def _wide(shape, rng):
    return _away_from_kinks(rng.uniform(-10, 10, shape))


def _small(shape, rng):
    return _normal(shape, rng) * 1e-3


def _grid(shape, rng):
    return np.round(rng.uniform(-2, 2, shape) * 2) / 2


POINTS = {"normal": _normal, "wide": _wide, "small": _small, "grid": _grid}


def _away_from_kinks(x):
    distance = x - np.round(2 * x) / 2
    return x + np.where(np.abs(distance) < CLEARANCE, np.where(distance < 0, -1, 1) * CLEARANCE, 0)


def make_input(
    name: str, shape: tuple[int, ...], point: str, options: Mapping[str, Any], seed: int
) -> np.ndarray:
    """Return one input; the options `range`, `integers` and `data` come before the point."""
    rng = np.random.default_rng([seed, *name.encode()])
    data = _given(options, "data", name)
    if data is not None:
        return np.array(data)
    integers = _given(options, "integers", name)
    if integers is not None:
        return rng.integers(*integers, shape)
    ends = _given(options, "range", name)
    if ends is not None:
        return rng.uniform(*ends, shape)
    return POINTS[point](shape, rng)


def _given(options: Mapping[str, Any], key: str, name: str) -> Any:
    value = options.get(key)
    return value.get(name) if isinstance(value, Mapping) else value
