"""How much memory there is, and how much a process uses; None where the system does not tell."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from layercheck.errors import UsageError

_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_GROUP = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def free_memory() -> int | None:
    """Return the bytes that could still be used, by the machine and by the container."""
    free = [each for each in (_free_in_machine(), *map(_free_in, _GROUP)) if each is not None]
    return min(free, default=None)


def resident_memory(pid: int | str = "self") -> int | None:
    """Return the bytes of memory that a process holds."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _page()
    return None


def address_space() -> int | None:
    """Return the bytes of address space that this process holds."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * _page()
    return None


def parse_memory(text: str, option: str = "--memory") -> int:
    """Return the bytes that ``512M`` or ``4G`` mean.

    Raises
    ------
    UsageError
        The text means no size, or the memory of a process cannot be read here.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    size = float(found[1]) * 1024 ** _UNITS[found[2].upper()] if found else 0
    if size < 1:
        raise UsageError(
            f"{option} {text!r} is no size. Write bytes or a number with K, M, G or T, "
            f"as in {option} 4G."
        )
    if resident_memory() is None:
        raise UsageError(
            f"{option} cannot be kept here: this system does not tell how much memory a process "
            f"uses. Leave {option} out."
        )
    return int(size)


def shown_memory(size: float) -> str:
    """Return a size as people read it: ``4.0 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit in ("bytes", "KiB") else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def _free_in_machine() -> int | None:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * _page()
    except (AttributeError, ValueError, OSError):
        return None


def _free_in(files: tuple[str, str]) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # "max" is no number: there is no limit
        limit, used = (int(Path(file).read_text()) for file in files)
        return max(limit - used, 0)
    return None
