"""Layers of CuPy on a machine without a GPU, through the real command."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from layercheck.devices.drivers import has_driver

FILES = Path(__file__).parent / "cupy_files"
pytestmark = pytest.mark.skipif(has_driver(), reason="a GPU's driver is here: nothing stands in")


@functools.cache
def checked(file):
    """The JSON report of every layer of a file, in one process."""
    command = [sys.executable, "-m", "layercheck", f"{FILES / file}*", "--layout", "BC:6,4"]
    options = ["--in-process", "--report", "json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def failed(layer):
    return {r["id"]: r["finding"] for r in layer["results"] if r["outcome"] == "failed"}


def test_right_layers_pass_every_suite():
    report = checked("right.py")

    assert len(report["layers"]) == 11
    assert {layer["name"]: failed(layer) for layer in report["layers"] if failed(layer)} == {}
    assert report["summary"]["incomplete"] == 0


def test_both_rehearsals_pass_for_right_layers():
    for layer in checked("right.py")["layers"]:
        found = {r["check"]: r["outcome"] for r in layer["results"] if r["suite"] == "gpu"}
        assert found["rehearsal_forward"] == found["rehearsal_backward"] == "passed", layer["name"]


def test_special_functions_are_those_of_scipy():
    pytest.importorskip("scipy", reason="scipy is not installed; pip install scipy")
    (layer,) = checked("special.py")["layers"]

    assert failed(layer) == {}
    assert layer["summary"]["incomplete"] == 0


def test_the_report_says_that_cupy_is_rehearsed():
    assert checked("right.py")["environment"]["cupy"].endswith(", rehearsed")


def expectations():
    text = (FILES / "wrong.py").read_text("utf-8")
    for part in text.split("\nclass ")[1:]:
        found = re.search(r'"""fails: (\S+) ?(\S*)"""', part)
        start = text[: text.index(part)].count("\n") + 1
        lines = part.splitlines()
        line = next((start + i for i, each in enumerate(lines) if "# breaks" in each), None)
        yield pytest.param(part.partition(":")[0], *found.groups(), line, id=part.partition(":")[0])


@pytest.mark.parametrize(("name", "check", "cause", "line"), list(expectations()))
def test_a_wrong_layer_fails_where_it_is_wrong(name, check, cause, line):
    (layer,) = [each for each in checked("wrong.py")["layers"] if each["name"] == name]

    finding = failed(layer)[check]
    if cause:
        assert finding["cause"]["id"] == cause
        assert finding["source"]["line"] == line


def test_a_kernel_in_cuda_is_not_judged():
    (layer,) = checked("kernel.py")["layers"]

    assert failed(layer) == {}
    (reason,) = {r["reason"] for r in layer["results"] if r["outcome"] == "incomplete"}
    assert "only a GPU can run it" in reason
