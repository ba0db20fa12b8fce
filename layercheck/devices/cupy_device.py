"""A real device, by CuPy."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from layercheck.residence import resident


class CupyDevice:
    """The current device of CuPy.

    Its arrays share no memory with the host's: what a layer writes into its arguments is copied
    back after the call.
    """

    def __init__(self) -> None:
        self._cupy = importlib.import_module("cupy")

    def put(self, array: np.ndarray) -> Any:
        """Return the array on the device."""
        return self._cupy.asarray(array.view(np.ndarray))

    def back(self, array: Any, original: np.ndarray | None) -> np.ndarray:
        """Return a device array on the host, in the memory of `original` where that fits."""
        host = self._cupy.asnumpy(array)
        if original is None or (original.shape, original.dtype) != (host.shape, host.dtype):
            return resident(host)
        if original.flags.writeable:
            np.copyto(original, host)
        return original

    def owns(self, value: Any) -> bool:
        """Whether something is an array of the device."""
        return isinstance(value, self._cupy.ndarray)
