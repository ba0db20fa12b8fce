"""pyproject.toml, read into the layers that it lists."""

from __future__ import annotations

import glob
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from layercheck.config import texts
from layercheck.config.keys import LAYER, RUN, SHARED, TOOL, require_keys
from layercheck.errors import UsageError
from layercheck.isolation.protocol import Arguments

FILE = "pyproject.toml"
_TOOL, _LAYERS = "[tool.layercheck]", "[[tool.layercheck.layers]]"


@dataclass(frozen=True)
class Entry:
    """One layer at one set of layouts, with its options as the command line takes them."""

    name: str
    arguments: Arguments

    @property
    def target(self) -> str:
        """What to check, seen from the working folder."""
        return self.arguments.target[0]


@dataclass(frozen=True)
class Configuration:
    """What a repository says about its layers.

    Parameters
    ----------
    file : Path
    entries : tuple of Entry
        In the order of the file.
    run : mapping
        What holds for the whole run, under the names of the options.
    """

    file: Path
    entries: tuple[Entry, ...]
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the file lies: its paths start here, and its modules are importable from here."""
        return self.file.parent


def find_configuration(start: Path | None = None) -> Configuration | None:
    """Read the nearest pyproject.toml from `start` (the working folder) upwards.

    Returns
    -------
    Configuration or None
        None where there is no file, or no ``[tool.layercheck]`` in it.

    Raises
    ------
    UsageError
        The file cannot be read, or says something that we do not know.
    """
    folder = start or Path.cwd()
    for place in (folder, *folder.parents):
        if (place / FILE).is_file():
            return read_configuration(place / FILE)
    return None


def read_configuration(file: Path) -> Configuration | None:
    """Read one pyproject.toml; None where it says nothing about us."""
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file.name} cannot be read: {error}.") from error
    table = tool.get("layercheck") if isinstance(tool, dict) else None
    if table is None:
        return None
    return configured(table, file)


def configured(table: Any, file: Path) -> Configuration:
    """Return the configuration of a table ``[tool.layercheck]``; raises `UsageError`."""
    if not isinstance(table, dict):
        raise UsageError(f"{file.name}: tool.layercheck is {table!r}. Write a table {_TOOL}.")
    require_keys(table, TOOL, f"{file.name}, {_TOOL}", extra=("layers",))
    layers = table.get("layers", [])
    if not isinstance(layers, list) or not all(isinstance(each, dict) for each in layers):
        raise UsageError(f"{file.name}: layers is no list of tables. Write each as {_LAYERS}.")
    defaults = {key: value for key, value in table.items() if key in SHARED}
    run = {key: str(value) for key, value in table.items() if key in RUN}
    if "baseline" in run:
        run["baseline"] = texts.seen(run["baseline"], file.parent)
    found: list[Entry] = []
    for number, layer in enumerate(layers, 1):
        found += _entries({**defaults, **layer}, layer, file, number, run)
    _require_distinct(found, file)
    return Configuration(file, tuple(found), run)


def _entries(
    table: dict[str, Any], own: dict[str, Any], file: Path, number: int, run: Mapping[str, str]
) -> list[Entry]:
    where = f"{file.name}, layer {own.get('name') or own.get('target') or number}"
    require_keys(own, LAYER, where)
    if "target" not in own:
        raise UsageError(
            f"{file.name}: layer {number} of {_LAYERS} has no target. Write "
            'target = "path/to/layer.py::NAME" or target = "package.module:NAME".'
        )
    name, target = own.get("name") or _name(own["target"]), _target(own["target"], file.parent)
    if _is_wide(target) and table.get("expected_failures"):
        raise UsageError(
            f"{where}: expected_failures need a target that is one layer. Write a table for "
            "each layer that fails."
        )
    common = Arguments(
        target=(target,),
        init=texts.assignments(table.get("init", {}), f"{where}: init"),
        call=texts.assignments(table.get("call", {}), f"{where}: call"),
        learnable=texts.sizes(table.get("learnable", {}), f"{where}: learnable"),
        declare=texts.declarations(table.get("declare", {}), f"{where}: declare"),
        expect_fail=texts.reasons(
            table.get("expected_failures", {}), f"{where}: expected_failures"
        ),
        **_options(table, file.parent, run),
    )
    sets = texts.layout_sets(table["layouts"]) if "layouts" in table else ((),)
    return [
        Entry(f"{name}-{i}" if len(sets) > 1 else name, replace(common, layout=layouts))
        for i, layouts in enumerate(sets, 1)
    ]


def _options(table: Mapping[str, Any], folder: Path, run: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {key: run[key] for key in ("timeout", "memory") if key in run}
    found |= {key: table[key] for key in ("thorough", "gpu") if key in table}
    found |= {key: str(table[key]) for key in ("seed", "budget") if key in table}
    found |= {key: texts.listed(table[key]) for key in ("only", "skip") if key in table}
    found |= {key: texts.intervals(table[key]) for key in ("range", "integers") if key in table}
    if "dtypes" in table:
        found["dtype"] = texts.listed(table["dtypes"])
    if "data" in table:
        found["data"] = texts.files(table["data"], folder)
    return found


def _name(target: str) -> str:
    file, colons, name = target.partition("::")
    if colons:
        return name
    if _is_path(file):
        return Path(file).stem
    return file.rpartition(":")[2]


def _target(text: str, folder: Path) -> str:
    """Return a target as it is written in the working folder."""
    file, colons, name = text.strip().partition("::")
    is_path = bool(colons) or _is_path(file) or (folder / file).exists()
    return f"{texts.seen(file, folder)}{colons}{name}" if is_path else text.strip()


def _is_path(file: str) -> bool:
    return ".py" in file or "/" in file or "\\" in file


def _is_wide(target: str) -> bool:
    """Whether a target is a folder or glob, which may hold several layers."""
    return Path(target).is_dir() or glob.has_magic(target.partition("::")[0])


def _require_distinct(entries: list[Entry], file: Path) -> None:
    names = [entry.name for entry in entries]
    for entry in entries:
        if names.count(entry.name) > 1:
            raise UsageError(
                f"{file.name}: {names.count(entry.name)} layers are called {entry.name!r}. Give "
                'each a name of its own, as in name = "first".'
            )
