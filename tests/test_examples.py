from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from example_table import ALL, EXAMPLES, each

ROOT = Path(__file__).parents[1]
FAILING = [example for example in ALL if example["verdict"] == "failed"]
STATUS = {"passed": 0, "failed": 1}


def run(command, **options):
    """Run a command in the repository, with this environment's scripts first on the path."""
    scripts = str(Path(sys.executable).parent)
    path = os.pathsep.join([scripts, os.environ.get("PATH", "")])
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def layercheck(example):
    """Check an example once, however many tests ask."""
    return _layercheck(example["file"], *example["arguments"])


@functools.cache
def _layercheck(file, *arguments):
    options = [f"examples/{file}", *arguments, "--report", "json"]
    return run([sys.executable, "-m", "layercheck", *options])


def results(finished):
    return [r for layer in json.loads(finished.stdout)["layers"] for r in layer["results"]]


@pytest.mark.parametrize("example", each())
def test_an_example_has_the_verdict_of_the_table(example):
    finished = layercheck(example)

    found = results(finished)
    failed = {result["id"] for result in found if result["outcome"] == "failed"}
    incomplete = {
        result["id"]: result["reason"] for result in found if result["outcome"] == "incomplete"
    }
    assert failed == set(example["fails"]), finished.stderr
    assert incomplete == {}
    assert finished.returncode == STATUS[example["verdict"]]


@pytest.mark.parametrize("example", each(FAILING))
def test_the_rerun_command_fails_the_same_check_and_only_that(example):
    first = layercheck(example)
    failed = [result for result in results(first) if result["outcome"] == "failed"]

    assert failed
    for result in failed:
        again = run(result["finding"]["rerun"], shell=True)
        assert again.returncode == 1, again.stderr
        assert re.findall(r"^Failed (\S+)", again.stdout, re.MULTILINE) == [result["id"]]
        assert re.search(r"^Test Summary: 0 Passed, 1 Failed, 0 Incomplete, ", again.stdout, re.M)


def test_the_table_names_every_example_once():
    folders = {Path(example["file"]).parent for example in ALL}  # others are whole projects
    files = {
        path.relative_to(EXAMPLES).as_posix()
        for folder in folders
        for path in (EXAMPLES / folder).glob("*.py")
    }

    assert {example["file"] for example in ALL} == files


def test_the_table_says_failed_where_checks_fail():
    assert all((e["verdict"] == "failed") == bool(e["fails"]) for e in ALL)
