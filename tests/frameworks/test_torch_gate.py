"""The sample repository with layers of two frameworks: one gate, three ways to run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from frameworks.needs import needs

needs("torch")

GATE = Path(__file__).parents[2] / "examples" / "gate"
WORDS = {
    "passed": "PASSED",
    "failed": "FAILED",
    "skipped": "SKIPPED",
    "expected failure": "XFAIL",
    "incomplete": "FAILED",
}


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        cwd=GATE,
        timeout=600,
        env=os.environ
        | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "COLUMNS": "200"},
    )


def verdicts(*options):
    """The outcomes by layer, as the command tells them."""
    done = run("layercheck", "--report", "json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return [
        {(r["id"], r["dtype"]): r["outcome"] for r in layer["results"]}
        for layer in json.loads(done.stdout)["layers"]
    ]


@pytest.mark.corpus
def test_the_command_its_jobs_and_pytest_have_the_same_verdicts():
    alone, together = verdicts(), verdicts("--jobs", "2")
    words = ["-p", "layercheck_pytest", "-p", "no:cacheprovider", "-W", "ignore"]
    done = run("pytest", *words, "-v", "--layercheck")
    found = re.findall(
        r"^pyproject.toml::([\w-]+)\[(.*?)(?:-(float\d+))?\] (\w+)", _from_here(done.stdout), re.M
    )
    names = ["Scale-1", "Scale-2", "averaging", "Swish", "gated"]
    tested = [
        {(id, dtype or None): word for name, id, dtype, word in found if name == each}
        for each in names
    ]

    assert together == alone
    assert done.returncode == 0, done.stdout
    assert tested == [{key: WORDS[o] for key, o in layer.items()} for layer in alone]
    assert "tests/test_layers.py::test_scale[contract.construct] PASSED" in done.stdout


def _from_here(text):
    """Ids start at the root that pytest chose, which may be that of this repository."""
    return text.replace("examples/gate/pyproject.toml", "pyproject.toml")
