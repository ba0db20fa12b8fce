"""The values of options, checked: what the command line, the API and the plugin share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from layercheck.case import Options
from layercheck.errors import DataError, UsageError, nearest

Number = TypeVar("Number", int, float)
DTYPES = ("float64", "float32", "float16", "bfloat16")


def require_dtypes(names: Any) -> tuple[str, ...]:
    """Return dtype names that NumPy can compute with here; raises `UsageError`."""
    if isinstance(names, (str, type, np.dtype)):
        names = names.split(",") if isinstance(names, str) else (names,)
    found = tuple(dict.fromkeys(_dtype_name(name) for name in names))
    if not found:
        raise UsageError("No dtype was given. Pass float64, float32 or both.")
    return found


def _dtype_name(name: Any) -> str:
    text = name.strip() if isinstance(name, str) else _name_of(name)
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


def _name_of(dtype: Any) -> str:
    try:
        return str(np.dtype(dtype).name)
    except TypeError:
        return repr(dtype)


def require_range(value: Any) -> tuple[float, float]:
    """Return (low, high), finite and low < high; raises `UsageError`."""
    low, high = _two(value, float, "range")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise UsageError(
            f"The range {low:g}:{high:g} is empty. Write LOW:HIGH with LOW below HIGH."
        )
    return low, high


def require_integers(value: Any) -> tuple[int, int]:
    """Return (low, high), half-open and not empty; raises `UsageError`."""
    low, high = _two(value, int, "integers")
    if low >= high:
        raise UsageError(
            f"The integers {low}:{high} are none: the range is half-open. "
            "Write LOW:HIGH with LOW below HIGH."
        )
    return low, high


def _two(value: Any, kind: Callable[[Any], Number], option: str) -> tuple[Number, Number]:
    try:
        low, high = (kind(end) for end in value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{option} is {value!r}. Give two numbers: low and high.") from None
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
