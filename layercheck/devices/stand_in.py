"""A `cupy` made of rehearsal arrays, for layers of CuPy where there is no device."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from layercheck.devices.drivers import has_driver

_ROOTS = ("cupy", "cupyx")


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `cupy` and `cupyx`, where the real ones have no device to run on."""

    def __init__(self) -> None:
        self._is_needed: bool | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec of a stand-in, None where the real module is to be found."""
        if fullname.partition(".")[0] not in _ROOTS:
            return None
        if self._is_needed is None:
            self._is_needed = False  # what is imported while this is found out is the real one
            self._is_needed = not _runs_here()
            if fullname in sys.modules:
                return importlib.machinery.ModuleSpec(fullname, _Imported(sys.modules[fullname]))
        if not self._is_needed:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return the module."""
        from layercheck.devices.cupy_module import make_module

        return make_module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: it is complete."""


class _Imported(importlib.abc.Loader):
    """Loads a module that was imported meanwhile: once is enough."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__
        module.__spec__ = None  # or the import system would load it by that again

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Give it its own specification back."""
        module.__spec__ = self._spec


def _runs_here() -> bool:
    """Whether the real CuPy can be imported and has a device."""
    if not has_driver():
        return False
    try:
        runs = bool(importlib.import_module("cupy").is_available())
    except Exception:  # a broken installation may raise anything
        runs = False
    if not runs:
        for name in [name for name in sys.modules if name.partition(".")[0] in _ROOTS]:
            del sys.modules[name]
    return runs


def install() -> None:
    """Let the stand-in be found in this process from now on, where it is needed."""
    if not any(isinstance(finder, StandIn) for finder in sys.meta_path):
        sys.meta_path.insert(0, StandIn())


@contextlib.contextmanager
def without_stand_in() -> Iterator[None]:
    """Find the real modules in the block."""
    finders = [finder for finder in sys.meta_path if isinstance(finder, StandIn)]
    modules = {root: sys.modules.pop(root) for root in _ROOTS if is_used() and root in sys.modules}
    for finder in finders:
        sys.meta_path.remove(finder)
    try:
        yield
    finally:
        sys.meta_path[:0] = finders
        sys.modules.update(modules)


def is_used() -> bool:
    """Whether something in this process has imported the stand-in."""
    return hasattr(sys.modules.get("cupy"), "__rehearsed__")


def is_missed() -> bool:
    """Whether a layer that imports cupy does not get the stand-in."""
    if "cupy" in sys.modules:
        return not is_used()
    return not any(isinstance(finder, StandIn) for finder in sys.meta_path)


def version_of(module: Any) -> str:
    """Return the version of a module, and whether it is rehearsed."""
    version = str(getattr(module, "__version__", ""))
    return f"{version}, rehearsed" if hasattr(module, "__rehearsed__") else version
