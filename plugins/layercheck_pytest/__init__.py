"""The pytest plugin: every check of a layer is a test.

pytest loads it at every start, so it imports layercheck only where there are layers to test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FILE = "pyproject.toml"
_CONFIGURATION = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--layercheck``."""
    parser.getgroup("layercheck").addoption(
        "--layercheck",
        action="store_true",
        help="also check the layers that [[tool.layercheck.layers]] of pyproject.toml lists",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect pyproject.toml beside what else is collected."""
    if not config.getoption("layercheck"):
        return
    here = config.invocation_params.dir
    file = next((f / _FILE for f in (here, *here.parents) if (f / _FILE).is_file()), None)
    if file is None:
        raise pytest.UsageError(f"--layercheck: there is no {_FILE} in {here} or above it.")
    config.stash[_CONFIGURATION] = file
    given = [Path(here, arg.partition("::")[0]) for arg in config.args]
    if file not in given:
        config.args.append(str(file))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the layers of a pyproject.toml that was named, by ``--layercheck`` or by hand."""
    if file_path.name != _FILE:
        return None
    is_ours = file_path == parent.config.stash.get(_CONFIGURATION, None)
    if not is_ours and not parent.session.isinitpath(file_path):
        return None
    from layercheck_pytest.items import LayerFile

    collector: pytest.Collector = LayerFile.from_parent(parent, path=file_path)
    return collector


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: Any
) -> list[pytest.Item] | None:
    """Make tests of what `layercheck.pytest_checks` returned."""
    home = sys.modules.get("layercheck.testing")
    if home is None or not isinstance(obj, home.PytestChecks) or not collector.funcnamefilter(name):
        return None
    from layercheck_pytest.items import items_of

    return list(items_of(collector, name, obj))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Carry the group that pytest-xdist writes into an id to where pytest 9.2 reads it."""
    for item in items:
        grouped, id = vars(item).get("_nodeid"), getattr(item, "_id", None)
        if grouped is not None and id is not None and hasattr(item, "inquiry"):
            setattr(item, "_id", type(id).parse(grouped))  # noqa: B010 - no attribute to mypy


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Forget what the checks of a layer share when the last of them is done."""
    try:
        return (yield)
    finally:
        inquiry = getattr(item, "inquiry", None)
        if inquiry is not None and getattr(nextitem, "inquiry", None) is not inquiry:
            inquiry.release()
