"""The installed distribution does the main job; CI runs this against the built wheel."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, files
from pathlib import Path

import layercheck

EXAMPLE = Path(__file__).parent.parent / "examples" / "prelu.py"


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "layercheck", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_command_is_registered_as_a_script():
    scripts = {entry.name: entry.value for entry in entry_points(group="console_scripts")}

    assert scripts["layercheck"] == "layercheck.cli:main"


def test_the_command_names_its_version():
    done = command("--version")

    assert (done.returncode, done.stdout.split()[-1]) == (0, layercheck.__version__)


def test_every_built_in_suite_can_be_loaded():
    done = command("--list-checks")

    assert done.returncode == 0
    assert {
        *("contract", "shapes", "dtypes", "gradients", "batch"),
        *("state", "purity", "numerics", "gpu"),
    } <= set(done.stdout.split("\n"))
    assert done.stderr == ""


def test_an_example_passes():
    done = command(str(EXAMPLE), "--layout", "SSCB:6,5,4,3")

    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 Failed, 0 Incomplete, " in done.stdout


def test_the_distribution_holds_what_it_needs_and_no_tests():
    names = {str(file) for file in files("layercheck") or ()}
    held = {name.partition("/")[0] for name in names if name.endswith((".py", ".json", ".typed"))}

    assert "tests" not in held
