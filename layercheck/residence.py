"""Which arrays of a layer live on a device, while nothing of the layer runs."""

from __future__ import annotations

from typing import Any

import numpy as np


class Resident(np.ndarray):
    """An array that lies on the device whenever the layer's own code runs.

    Between the calls of a layer its arrays are NumPy arrays, and this class alone tells those
    that were on the device from those that the layer keeps on the host.
    """


def resident(array: np.ndarray) -> np.ndarray:
    """Return the same memory as an array that lives on the device."""
    return array if isinstance(array, Resident) else array.view(Resident)


def is_on_host(value: Any) -> bool:
    """Whether something is an array with axes, and lives on the host."""
    return isinstance(value, np.ndarray) and not isinstance(value, Resident) and value.ndim > 0
