from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

LAYER = """
class Scale:
    def predict(self, x):
        return 2 * x

    def backward(self, x, z, dz, memory):
        return {gradient}
"""
RIGHT, WRONG = "2 * dz", "3 * dz"


@pytest.fixture
def check(tmp_path):
    """Check two layers of a folder whose gradients are as given."""

    def run(first, second, *arguments):
        for name, gradient in (("first", first), ("second", second)):
            (tmp_path / f"{name}.py").write_text(LAYER.format(gradient=gradient))
        return subprocess.run(
            [
                *(sys.executable, "-m", "layercheck", "first.py", "second.py"),
                *("--layout", "BC:4,3", "--only", "gradients", "--dtype", "float64", *arguments),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=600,
        )

    return run


def test_todays_failures_are_accepted_and_new_ones_fail(check, tmp_path):
    assert check(WRONG, RIGHT, "--report", "baseline:b.json").returncode == 1
    same = check(WRONG, RIGHT, "--baseline", "b.json")
    worse = check(WRONG, WRONG, "--baseline", "b.json", "--jobs", "2")

    (layer,) = json.loads((tmp_path / "b.json").read_text())["layers"]
    assert (layer["target"], list(layer["failures"])) == ("first.py::Scale", ["gradients.input:x"])
    assert same.returncode == 0, same.stdout
    assert ", 1 Expected failures." in same.stdout
    assert worse.returncode == 1
    assert ", 1 Failed, 0 Incomplete, " in worse.stdout


def test_a_failure_that_was_mended_must_leave_the_baseline(check, tmp_path):
    check(WRONG, WRONG, "--report", "baseline:b.json", "-q")
    mended = check(RIGHT, WRONG, "--baseline", "b.json", "--report", "baseline:c.json")
    clean = check(RIGHT, WRONG, "--baseline", "c.json", "--in-process")

    assert mended.returncode == 1
    assert "The check passed although it is expected to fail." in mended.stdout
    (layer,) = json.loads((tmp_path / "c.json").read_text())["layers"]
    assert layer["target"] == "second.py::Scale"
    assert clean.returncode == 0, clean.stdout


def test_a_baseline_may_be_configured(check, tmp_path):
    check(WRONG, WRONG, "--report", "baseline:b.json", "-q")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.layercheck]\nbaseline = 'b.json'\nonly = 'gradients'\nlayouts = 'BC:4,3'\n"
        "[[tool.layercheck.layers]]\ntarget = 'first.py::Scale'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "layercheck"], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 1 Expected failures." in done.stdout

    words = ["-p", "layercheck_pytest", "-p", "no:cacheprovider", "-rx", "--layercheck"]
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
    )
    assert tested.returncode == 0, tested.stdout
    assert "baseline: backward() returns a wrong gradient for input x." in tested.stdout


@pytest.mark.parametrize("text", [None, "{", "[]", '{"schema": "other"}', '{"layers": 3}'])
def test_a_file_that_is_no_baseline_is_said(check, tmp_path, text):
    if text is not None:
        (tmp_path / "b.json").write_text(text)
    done = check(RIGHT, RIGHT, "--baseline", "b.json")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--baseline 'b.json' cannot be read: " in done.stderr
    assert "Write it with layercheck ... --report baseline:b.json." in done.stderr
