"""Where in the user's own code an exception was raised."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

_OWN = (Path(__file__).parent, Path(__file__).parent.parent / "plugins")
_STANDARD = (Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib")))
_INSTALLED = {"site-packages", "dist-packages"}
Frame = tuple[str, int, str]
_TYPED_IN = ("<stdin>", "<ipython-input", "<python-input", "<doctest")


def locate(error: BaseException) -> tuple[str | None, int | None]:
    """Return the file and line of the innermost frame that is the user's own.

    A syntax error lies where the parser stopped. Frames of layercheck, numpy and the
    standard library are nobody's; those of other installed packages count only where the
    user has no file of their own on the way.

    Parameters
    ----------
    error : BaseException
        Caught, with its traceback.

    Returns
    -------
    file, line : (str, int) or (None, None)
        The file is an absolute path; `display_path` shortens it.
    """
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return str(Path(error.filename).absolute()), error.lineno
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), lookup_lines=False
    )
    innermost_first = [(each.filename, each.lineno or 0, each.name) for each in reversed(frames)]
    frame = own_frame(innermost_first)
    return (frame[0], frame[1] or None) if frame else (None, None)


def own_frame(frames: Iterable[Frame]) -> Frame | None:
    """Return the first of (file, line, function) that is the user's own, as `locate` means it."""
    others = [frame for frame in frames if _is_code_of_others(frame[0])]
    own = [frame for frame in others if not _INSTALLED & set(Path(frame[0]).parts)]
    for file, line, function in own or others:
        return (file if file.startswith("<") else str(Path(file).absolute())), line, function
    return None


def display_path(file: str | os.PathLike[str]) -> str:
    """Return a path relative to the working folder where it lies in it, else as it is."""
    try:
        absolute, folder = Path(file).absolute(), Path.cwd()
    except OSError:  # the working folder is gone
        return str(file)
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(file)


def source_line(file: str, line: int) -> str:
    """Return one line of a source file without its indentation, empty where there is none."""
    linecache.checkcache(file)
    return linecache.getline(file, line).strip()


def is_installed(file: str) -> bool:
    """Whether a file belongs to an installed package."""
    return bool(_INSTALLED & set(Path(file).parts))


def _is_code_of_others(file: str) -> bool:
    if file.startswith("<"):
        return file.startswith(_TYPED_IN)
    path = Path(file).absolute()
    if _INSTALLED & set(path.parts):
        return not any(part == "numpy" or part.startswith("layercheck") for part in path.parts)
    return not any(path.is_relative_to(folder) for folder in (*_OWN, *_STANDARD))
