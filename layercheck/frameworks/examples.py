"""Inputs to try a framework's layer on, before it is a subject."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.case import NORMAL
from layercheck.conventions.request import Request
from layercheck.data import distinct_values, integer_values
from layercheck.layout import Layout


def example_inputs(
    request: Request, names: tuple[str, ...], layouts: tuple[Layout, ...], dtype: Any
) -> tuple[np.ndarray, ...]:
    """Return values for the inputs at `layouts`, within what the user said about them.

    Parameters
    ----------
    dtype : real floating dtype
        Of inputs that hold no integers.
    """
    rng = np.random.default_rng(request.seed)
    return tuple(
        _example(request, name, layout.resolved(), np.dtype(dtype), rng)
        for name, layout in zip(names, layouts, strict=True)
    )


def _example(
    request: Request, name: str, layout: Layout, dtype: np.dtype[Any], rng: np.random.Generator
) -> np.ndarray:
    options = request.options
    given, integers = options.data_of(name), options.integers_of(name)
    if given is not None:
        value = np.resize(given, layout.shape)
        if value.dtype.kind == "c":
            return value.astype(np.result_type(dtype, np.complex64))
        return value.astype(dtype) if value.dtype.kind == "f" else value
    if integers is not None:
        return integer_values(layout.shape, *integers, rng)
    low, high = options.range_of(name) or NORMAL
    return distinct_values(layout.shape, low, high, rng).astype(dtype)
