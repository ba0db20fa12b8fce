"""Values of a Python call as JSON: numbers, strings, arrays, and lists and dicts of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from layercheck.errors import UsageError


def encode(value: Any, name: str) -> Any:
    """Return `value` as JSON-able data.

    Parameters
    ----------
    name : str
        What messages call it.

    Raises
    ------
    UsageError
        It cannot be handed to another process.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fciubUS":
        return {"array": _packed(np.asarray(value)), "scalar": isinstance(value, np.generic)}
    if isinstance(value, list):
        return [encode(item, name) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, name) for item in value]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"map": {key: encode(item, f"{name}[{key!r}]") for key, item in value.items()}}
    raise UsageError(
        f"{name} is of type {type(value).__name__}, which cannot be handed to another process. "
        "Pass a number, a string, an array, or a list or dict of them, or isolate=False."
    )


def decode(value: Any) -> Any:
    """Return what `encode` was given."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "complex" in value:
        return complex(*value["complex"])
    if "tuple" in value:
        return tuple(decode(item) for item in value["tuple"])
    if "map" in value:
        return {key: decode(item) for key, item in value["map"].items()}
    array = np.load(io.BytesIO(base64.b64decode(value["array"])), allow_pickle=False)
    return array[()] if value["scalar"] else array


def _packed(array: np.ndarray) -> str:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return base64.b64encode(stream.getvalue()).decode("ascii")
