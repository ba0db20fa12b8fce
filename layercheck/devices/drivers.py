"""Whether a GPU's driver is installed, found out without initialising anything."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_LIBRARIES = {
    "linux": ("libcuda.so.1", "libamdhip64.so"),
    "win32": ("nvcuda.dll", "amdhip64.dll"),
}


@cache
def has_driver() -> bool:
    """Whether the library of a driver can be loaded; no device is touched."""
    return any(map(_loads, _LIBRARIES.get(sys.platform, ())))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
