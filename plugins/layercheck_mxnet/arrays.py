"""NumPy arrays as MXNet's, and back."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np

from layercheck import UsageError, write_back


def is_array(value: Any) -> bool:
    """Whether something is an array of MXNet: an NDArray, or an ``mx.np.ndarray``."""
    return isinstance(value, mx.nd.NDArray)


def to_mxnet(array: Any, *, numpy_like: bool) -> Any:
    """Return a copy of an array for the layer."""
    array = np.asarray(array)
    if array.dtype.kind == "c":
        raise UsageError("MXNet has no complex numbers. Give real inputs and learnables.")
    if array.dtype.name == "bfloat16":
        raise UsageError("MXNet 1.9 has no bfloat16 on the CPU. Choose --dtype float32.")
    if numpy_like:
        return mx.np.array(array, dtype=array.dtype)
    return mx.nd.array(array, dtype=array.dtype)


def to_numpy(array: Any) -> np.ndarray:
    """Return a copy of the values; waits for what computes them."""
    found: np.ndarray = array.asnumpy()
    return found


def fill(array: Any, values: Any) -> None:
    """Overwrite an array of MXNet."""
    with mx.autograd.pause():
        array[:] = mx.nd.array(values, dtype=values.dtype)


def keep_written(array: Any, values: np.ndarray) -> None:
    """Write what the layer wrote into its copy into the array that was given."""
    now = to_numpy(array)
    if not np.array_equal(now, values, equal_nan=_floats(values)):
        write_back(values, now)


def _floats(values: np.ndarray) -> bool:
    return values.dtype.kind == "f"
