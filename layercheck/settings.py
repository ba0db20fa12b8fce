"""The values of options, checked: what the command line, the API and the plugin share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from layercheck.case import Options
from layercheck.errors import DataError, UsageError, nearest

DTYPES = ("float64", "float32", "float16", "bfloat16")


def require_dtypes(names: Sequence[Any]) -> tuple[str, ...]:
    """Return dtype names that NumPy can compute with here; raises `UsageError`."""
    if isinstance(names, str):
        names = names.split(",")
    found = tuple(dict.fromkeys(_dtype_name(name) for name in names))
    if not found:
        raise UsageError("No dtype was given. Pass float64, float32 or both.")
    return found


def _dtype_name(name: Any) -> str:
    text = name.strip() if isinstance(name, str) else np.dtype(name).name
    if text not in DTYPES:
        raise UsageError(
            f"There is no dtype {text!r} to run in.{nearest(text, DTYPES)} "
            f"The dtypes are {', '.join(DTYPES)}."
        )
    if text == "bfloat16":
        raise UsageError(
            "NumPy has no dtype 'bfloat16'. NumPy layers run in float64, float32, float16."
        )
    return text


def require_range(value: Any) -> tuple[float, float]:
    """Return (low, high), finite and low < high; raises `UsageError`."""
    low, high = (float(end) for end in value)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise UsageError(
            f"The range {low:g}:{high:g} is empty. Write LOW:HIGH with LOW below HIGH."
        )
    return low, high


def require_integers(value: Any) -> tuple[int, int]:
    """Return (low, high), half-open and not empty; raises `UsageError`."""
    low, high = (int(end) for end in value)
    if low >= high:
        raise UsageError(
            f"The integers {low}:{high} are none: the range is half-open. "
            "Write LOW:HIGH with LOW below HIGH."
        )
    return low, high


def require_options(options: Options) -> Options:
    """Raise `UsageError` for a budget or data that cannot be used."""
    if options.budget < 0:
        raise UsageError(f"The budget {options.budget} is negative. Pass the number of forwards.")
    for name, array in options.data.items():
        if array.dtype.kind not in "fciub":
            raise DataError(
                f"The data of input {name or 'x'!r} are of dtype {array.dtype}. Give numbers."
            )
    return options
