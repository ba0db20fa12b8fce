"""Write layercheck/devices/cupy.json: what CuPy has, asked of the CuPy that is installed.

    python tests/gpu/make_cupy_table.py

No device is needed. The file is read where CuPy is not installed or cannot be imported.
"""

from __future__ import annotations

import importlib
import inspect
import json
import types
from pathlib import Path

import cupy

MODULES = (
    "cupy",
    "cupy.fft",
    "cupy.lib.stride_tricks",
    "cupy.linalg",
    "cupy.random",
    "cupyx",
    "cupyx.scipy.ndimage",
    "cupyx.scipy.special",
)


def parameters(function):
    """Return the names that a function takes by keyword; None where that is not known."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in found):
        return None
    return [p.name for p in found if p.kind is not p.VAR_POSITIONAL]


def names_of(module):
    """Return every public name of a module with the parameters of what it names."""
    found = {}
    for name in sorted(dir(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or name == "annotations" or isinstance(value, types.ModuleType):
            continue
        found[name] = parameters(value) if isinstance(value, types.FunctionType) else None
    return found


def main():
    """Write the table."""
    modules = {}
    for name in MODULES:
        try:
            modules[name] = names_of(importlib.import_module(name))
        except ImportError as error:
            raise SystemExit(f"{name} cannot be imported: {error}") from error
    table = {
        "cupy": cupy.__version__,
        "ndarray": sorted(name for name in dir(cupy.ndarray) if not name.startswith("_")),
        "ufuncs": sorted(n for n in dir(cupy) if isinstance(getattr(cupy, n), cupy.ufunc)),
        "modules": modules,
    }
    path = Path(__file__).parents[2] / "layercheck" / "devices" / "cupy.json"
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
