"""JAX's switch for 64-bit numbers, set around each call and never for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import jax
import numpy as np


@contextmanager
def precision(dtype: np.dtype[Any]) -> Iterator[None]:
    """Compute in the block as a case of `dtype` asks for.

    float64 needs the switch. For others the user's own setting stays, so that what it promotes
    is seen.
    """
    with jax.enable_x64(True) if dtype == np.float64 else nullcontext():
        yield


def cast(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Return an array in `dtype`, or the complex dtype of its precision; integers as they are."""
    array = np.asarray(value)
    if array.dtype.kind == "c":
        return array.astype(np.result_type(dtype, np.complex64))
    return array.astype(dtype) if is_floating(array.dtype) else np.array(array)


def is_floating(dtype: Any) -> bool:
    """Whether a dtype is real floating, those that NumPy does not know (bfloat16) included."""
    return bool(jax.numpy.issubdtype(dtype, jax.numpy.floating))
