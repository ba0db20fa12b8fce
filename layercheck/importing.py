"""A user's Python file or module, imported without harm to the run.

Nothing here compares objects with layers: `recognition` does.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from layercheck.errors import TargetError, describe, nearest
from layercheck.frames import display_path, locate, source_line

OWN_NAME = "layercheck_target"
# What to install for a module that is missing, where it has another name or needs more.
_PACKAGES = {
    **{name: name for name in ("torch", "jax", "flax", "equinox", "keras")},
    "tensorflow": "tensorflow",
    "tf_keras": "keras",
    "mxnet": "mxnet==1.9.1 'numpy<1.24'",
    "cupy": "cupy-cuda12x",
}
_FAMILY = {"numpy", "scipy", "cupy", "jax", "torch", "tensorflow", "keras", "mxnet", "pandas"}


class _TargetFolder(str):
    """An entry of ``sys.path`` that was put there for a target."""

    __slots__ = ()


def import_file(path: Path) -> ModuleType:
    """Import a Python file and put its folder, or its package's, first on ``sys.path``.

    A file inside a package is imported by its dotted name, any other under a name of ours
    that changes with its text, so that an edited file is imported anew.

    Raises
    ------
    TargetError
        The file is not Python source, or raised while it was imported.
    """
    path = path.absolute()
    source = _read_source(path)
    package = _package_folders(path)
    folder = (package[-1] if package else path).parent
    _forget_namesakes(folder)
    _put_first(folder)
    importlib.invalidate_caches()
    if not package:
        return _execute(path, source)
    _require_own_package(package[-1], path)
    parts = [path.stem] if path.stem != "__init__" else []
    name = ".".join([each.name for each in reversed(package)] + parts)
    return _import(name, display_path(path), str(path))


def import_module(name: str) -> ModuleType:
    """Import a module by its dotted name, with the working folder importable."""
    _put_first(Path.cwd())
    importlib.invalidate_caches()
    parent = ""
    for part in name.split("."):
        full = f"{parent}.{part}" if parent else part
        try:
            found = part.isidentifier() and importlib.util.find_spec(full) is not None
        except (ImportError, ValueError, AttributeError):
            found = full in sys.modules
        if not found:
            raise TargetError(_no_module(name, parent, part))
        _import(full, f"The module {full!r}", None)
        parent = full
    return sys.modules[name]


def shadowing_warnings(path: Path) -> tuple[str, ...]:
    """Name the standard and NumPy-family modules that files beside `path` hide."""
    package = _package_folders(path.absolute())
    folder = (package[-1] if package else path.absolute()).parent
    hidden = sorted(
        file
        for file in folder.iterdir()
        if file.stem in _FAMILY | sys.stdlib_module_names
        and (file.suffix == ".py" or (file / "__init__.py").is_file())
    )
    return tuple(
        f"{display_path(file)} has the name of the module {file.stem!r} and may be imported in "
        "its place. Rename it."
        for file in hidden
    )


def _read_source(path: Path) -> bytes:
    shown = display_path(path)
    if path.suffix == ".ipynb":
        raise TargetError(f"{shown} is a notebook. Save the layer to a .py file and name that.")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise TargetError(f"{shown} cannot be read: {describe(error)}.") from error
    if b"\0" in source:
        raise TargetError(f"{shown} is a binary file, not Python source. Name a .py file.")
    if path.suffix != ".py":
        raise TargetError(f"{shown} is not a .py file. Name the Python file that has the layer.")
    try:
        importlib.util.decode_source(source)
    except (UnicodeDecodeError, SyntaxError) as error:
        raise TargetError(
            f"{shown} is not Python source: {describe(error)}. Save it as UTF-8."
        ) from error
    return source


def _package_folders(path: Path) -> list[Path]:
    """Return the packages that hold a file, innermost first; none where a name cannot be one."""
    folders = []
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        folders.append(folder)
        folder = folder.parent
    return folders if path.stem.isidentifier() else []


def _require_own_package(package: Path, path: Path) -> None:
    """Refuse a package whose name another one has already taken in this process."""
    module = sys.modules.get(package.name)
    file = getattr(module, "__file__", None)
    if module is not None and not (file and Path(file).samefile(package / "__init__.py")):
        raise TargetError(
            f"{display_path(path)} belongs to the package {package.name!r}, and another module of "
            f"that name is already imported, from {file or 'Python itself'}. "
            "Rename the package, or check it in a command of its own."
        )


def _execute(path: Path, source: bytes) -> ModuleType:
    digest = hashlib.sha256(str(path).encode() + source).hexdigest()[:12]
    name = f"{OWN_NAME}_{re.sub(r'[^0-9A-Za-z]', '_', path.stem)}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise TargetError(f"{display_path(path)} cannot be imported. Name a .py file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _explained(display_path(path), str(path)):
            # compiled here: a stale .pyc of the same size and second would be believed
            exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except TargetError:
        del sys.modules[name]
        raise
    return module


def _import(name: str, shown: str, file: str | None) -> ModuleType:
    with _explained(shown, file):
        return importlib.import_module(name)


@contextlib.contextmanager
def _explained(shown: str, file: str | None) -> Iterator[None]:
    """Keep prints off stdout and our arguments from the script; explain what is raised."""
    arguments = sys.argv
    sys.argv = [file or shown]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise TargetError(_explain(shown, file, error)) from error
    finally:
        sys.argv = arguments


def _explain(shown: str, file: str | None, error: BaseException) -> str:
    found, line = locate(error)
    where = "" if found is None or found == file else f"{display_path(found)}, "
    place = f"{where}line {line}" if line else "it"
    text = [f"{shown} cannot be imported: {place} raised {_reason(error)}."]
    if found and line and source_line(found, line):
        text.append(f"    {line} | {source_line(found, line)}")
    text.extend(filter(None, [_advice(error)]))
    return "\n".join(text)


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return describe(error).splitlines()[0].rstrip(".")


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        root = error.name.partition(".")[0]
        if root in _PACKAGES:
            return f"Install it beside layercheck: pip install {_PACKAGES[root]}"
        return f"Install {root!r} beside layercheck, or correct the name."
    if isinstance(error, ImportError) and "relative import" in str(error):
        return (
            "The file is in no package. Add an __init__.py to its folder, "
            "or name it as package.module:NAME."
        )
    if "Unable to import backend" in str(error):
        return "Set KERAS_BACKEND to tensorflow, jax or torch, or pass --declare backend=NAME."
    broken = _broken_package(error)
    if broken is not None:
        return (
            f"{broken} is installed and cannot be imported. Install it again, or repair what the "
            "error names."
        )
    if isinstance(error, SystemExit):
        return "Put what only the script does under: if __name__ == '__main__':"
    return ""


def _broken_package(error: BaseException) -> str | None:
    """Return the framework in whose own code an import failed."""
    names = {frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)}
    roots = {name.partition(".")[0] for name in names if isinstance(name, str)}
    return next(iter(sorted(roots & set(_PACKAGES))), None)


def _no_module(name: str, parent: str, part: str) -> str:
    paths = getattr(sys.modules.get(parent), "__path__", ()) if parent else [str(Path.cwd())]
    known = [
        file.stem
        for folder in paths
        for file in Path(folder).iterdir()
        if file.suffix == ".py" or (file / "__init__.py").is_file()
    ]
    where = f"in {parent!r}" if parent else "here or installed"
    what = f"module {part!r} {where}" if parent else f"file, folder or module {name!r}"
    return (
        f"There is no {what}.{nearest(part, known)} Write path/to/layer.py or package.module:NAME."
    )


def _put_first(folder: Path) -> None:
    for entry in list(sys.path):
        if isinstance(entry, _TargetFolder) and entry == str(folder):
            sys.path.remove(entry)
    if not sys.path or sys.path[0] != str(folder):
        sys.path.insert(0, _TargetFolder(folder))


def _forget_namesakes(folder: Path) -> None:
    """Drop modules of an earlier target's folder where this folder has a file of that name.

    Otherwise the second of two folders that each have a utils.py would get the first one's.
    """
    others = {entry for entry in sys.path if isinstance(entry, _TargetFolder)} - {str(folder)}
    for file in folder.iterdir():
        known = getattr(sys.modules.get(file.stem), "__file__", None)
        if not known or file.name.startswith("_"):
            continue
        home = Path(known).parent
        if str(home.parent if Path(known).name == "__init__.py" else home) in others:
            for name in [n for n in sys.modules if n.partition(".")[0] == file.stem]:
                del sys.modules[name]
