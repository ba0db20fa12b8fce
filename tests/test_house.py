"""The shape of the house: who may import whom, what a bare import loads, what is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import layercheck

HOUSE = Path(layercheck.__file__).parent
# A room imports from rooms above it only.
ROOMS = (
    "version",
    "errors",
    "commands",
    "memory",
    "frames",
    "layout",
    "layer",
    "outcome",
    "where",
    "tolerances",
    "verdict",
    "streams",
    "residence",
    "copying",
    "randomness",
    "surroundings",
    "watching",
    "calling",
    "subject",
    "data",
    "case",
    "observations",
    "recurrence",
    "rounds",
    "suite",
    "devices",
    "recognition",
    "conventions",
    "plugins",
    "frameworks",
    "autodiff",
    "gradients",
    "suites",
    "importing",
    "targets",
    "loading",
    "expressions",
    "construction",
    "plan",
    "fitting",
    "cupy_layers",
    "preparing",
    "settings",
    "events",
    "expectations",
    "baseline",
    "isolation",
    "config",
    "checking",
    "runner",
    "arrays",
    "arguments",
    "calls",
    "inquiry",
    "worker",
    "reports",
    "explain",
    "debugging",
    "runs",
    "api",
    "testing",
    "cli",
    "__main__",
)
OWNERS = {
    "click": {"cli"},
    "rich": {"reports"},
    "pytest": set(),
    "cupy": {"devices"},
    "jax": {"autodiff"},
}
MODULES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")


def room_of(path):
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(path):
    """Every module that a file imports, with whether it does so at module level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            inside = [name for name in names if _is_module(name)]
            yield from ((name, id(node) in top) for name in inside or [node.module])


def _is_module(name):
    path = HOUSE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_every_module_lies_in_a_known_room():
    assert {room_of(path) for path in MODULES} <= set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_room_imports_from_rooms_above_it_only(path):
    room = room_of(path)
    for name, _ in imported(path):
        parts = name.split(".")
        if parts[0] == "layercheck" and len(parts) > 1 and parts[1] in ROOMS:
            assert ROOMS.index(parts[1]) <= ROOMS.index(room), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_foreign_package_is_imported_by_its_owner_only(path):
    for name, at_module_level in imported(path):
        owners = OWNERS.get(name.partition(".")[0])
        if owners is not None and at_module_level:
            assert room_of(path) in owners, f"{path.name} imports {name}"


def test_the_typed_names_are_those_of_the_lazy_table():
    tree = ast.parse((HOUSE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (node.module.removeprefix("layercheck."), alias.name)
        for node in block.body
        for alias in node.names
    }

    assert typed == {(home, name) for name, home in layercheck._HOME.items()}


def test_every_public_name_can_be_had():
    for name in layercheck.__all__:
        assert getattr(layercheck, name) is not None


@pytest.mark.parametrize(
    "command",
    ["import layercheck", "import layercheck.cli"],
)
def test_a_bare_import_loads_nothing_heavy(command):
    heavy = "{'numpy', 'rich', 'pytest', 'cupy', 'torch', 'jax'}"
    code = f"import sys\n{command}\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert layercheck.__version__ == version("layercheck")
