"""Where in the user's own code an exception was raised."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from pathlib import Path

_OWN = (Path(__file__).parent, Path(__file__).parent.parent / "plugins")
_STANDARD = (Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib")))
_INSTALLED = {"site-packages", "dist-packages"}
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
    others = [frame for frame in frames if _is_code_of_others(frame.filename)]
    own = [frame for frame in others if not _INSTALLED & set(Path(frame.filename).parts)]
    for frame in reversed(own or others):
        typed_in = frame.filename.startswith("<")
        return frame.filename if typed_in else str(Path(frame.filename).absolute()), frame.lineno
    return None, None


def display_path(file: str | os.PathLike[str]) -> str:
    """Return a path relative to the working folder where it lies in it, else as it is."""
    absolute = Path(file).absolute()
    folder = Path.cwd()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(file)


def source_line(file: str, line: int) -> str:
    """Return one line of a source file without its indentation, empty where there is none."""
    linecache.checkcache(file)
    return linecache.getline(file, line).strip()


def _is_code_of_others(file: str) -> bool:
    if file.startswith("<"):
        return file.startswith(_TYPED_IN)
    path = Path(file).absolute()
    if _INSTALLED & set(path.parts):
        return not any(part == "numpy" or part.startswith("layercheck") for part in path.parts)
    return not any(path.is_relative_to(folder) for folder in (*_OWN, *_STANDARD))
