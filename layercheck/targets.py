"""The text of a target, split into the files and modules it means."""

from __future__ import annotations

import ast
import glob
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from layercheck.errors import TargetError, nearest

_SKIPPED_FILES = {"setup.py", "conftest.py", "__main__.py"}
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}


@dataclass(frozen=True)
class Place:
    """One file or module, and what of it is wanted.

    Parameters
    ----------
    text : str
        The file or module as the user types it.
    path : Path or None
        None for a module.
    name : str or None
        The name asked for.
    takes_all : bool
        Whether every layer is wanted, and none is fine.
    """

    text: str
    path: Path | None
    name: str | None = None
    takes_all: bool = False

    def command_name(self, name: str) -> str:
        """Return the target text of one name in this place."""
        return f"{self.text}{'::' if self.path else ':'}{name}"


def require_target(texts: Collection[str]) -> None:
    """Raise `TargetError` where there is nothing to check."""
    if not texts:
        raise TargetError(
            "There is no target. Name what to check: layercheck path/to/layer.py, "
            "path/to/layer.py::NAME or package.module:NAME. Without one, the layers that "
            "[[tool.layercheck.layers]] of pyproject.toml lists are checked."
        )


def expand(text: str) -> list[Place]:
    """Return the places that a target means: one, or those of a folder or glob.

    A target with ``.py``, a path separator or ``::``, or that exists as a file or folder,
    is a path; any other is a module.
    """
    text = text.strip()
    file, colons, name = text.partition("::")
    if not file or (colons and not name):
        raise TargetError(
            f"The target {text!r} is incomplete. "
            "Write path/to/layer.py, path/to/layer.py::NAME or package.module:NAME."
        )
    path = Path(file)
    if path.is_file():
        path = _normal(path)
        return [Place(str(path), path, name or None)]
    if path.is_dir() or glob.has_magic(file):
        if name:
            raise TargetError(f"{file!r} is no single file. Write FILE.py::{name} for one of it.")
        return _folder(path) if path.is_dir() else _matches(file)
    if colons or ".py" in file or os.sep in file or "/" in file:
        raise TargetError(_no_file(file))
    module, colon, name = text.partition(":")
    if not module or (colon and not name):
        raise TargetError(f"The target {text!r} is incomplete. Write package.module:NAME.")
    return [Place(module, None, name or None)]


def nothing_in(text: str) -> TargetError:
    """Return the error of a folder or glob in which no layer was found."""
    return TargetError(
        f"{text!r} holds no layer: no .py file of it defines a class with a forward pass "
        "or a pair NAME_forward and NAME_backward. Name one: path/to/layer.py::NAME."
    )


def _folder(folder: Path) -> list[Place]:
    files = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if _is_searched(Path(root, each)))
        files += [Path(root, each) for each in sorted(names) if each.endswith(".py")]
    return _with_layers(files)


def _matches(pattern: str) -> list[Place]:
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute ones
    if not found:
        raise TargetError(f"No file matches {pattern!r}. Correct the pattern or name a file.")
    places = [
        _folder(path) if path.is_dir() else _with_layers([path])
        for path in map(Path, sorted(found))
        if path.is_dir() or path.suffix == ".py"
    ]
    return [place for each in places for place in each]


def _with_layers(files: list[Path]) -> list[Place]:
    return [
        Place(str(file), file, takes_all=True)
        for file in map(_normal, files)
        if _may_define_layers(file)
    ]


def _normal(path: Path) -> Path:
    """Return a path without its detours, unless one of them goes through a link."""
    short = Path(os.path.normpath(path))
    return short if short.exists() and short.samefile(path) else path


def _is_searched(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _SKIPPED_FOLDERS
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _may_define_layers(file: Path) -> bool:
    """Return whether a file is worth importing: scripts and tests in a folder must not run."""
    if file.name in _SKIPPED_FILES or file.name.startswith("test_"):
        return False
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return True
    functions = [each.name for each in body if isinstance(each, ast.FunctionDef)]
    return any(isinstance(each, ast.ClassDef) for each in body) or any(
        word in name for name in functions for word in ("backward", "bwd", "bprop")
    )


def _no_file(text: str) -> str:
    path = Path(text)
    file, colon, name = text.rpartition(":")
    if colon and file.endswith(".py"):
        return f"There is no file {text!r}. Write two colons: {file}::{name}."
    if not path.parent.is_dir():
        return f"There is no folder {str(path.parent)!r}, so there is no file {text!r}."
    near = [each.name for each in path.parent.iterdir() if each.suffix == ".py" or each.is_dir()]
    advice = nearest(path.name, near) or " Correct the path."
    return f"There is no file {text!r} in {str(path.parent.absolute())!r}.{advice}"
