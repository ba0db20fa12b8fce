"""The same command and seed say the same, isolated or not, in any order of checks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from layercheck.arguments import make_plan
from layercheck.events import RunFinished
from layercheck.isolation.protocol import Arguments
from layercheck.outcome import jsonable
from layercheck.plugins import load_suites
from layercheck.runner import run

ROOT = Path(__file__).parents[2]
EXAMPLES = tomllib.loads((ROOT / "examples" / "verdicts.toml").read_text("utf-8"))["example"]
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+e[-+]?\d+")
# what depends on the clock, and who pays for what several checks share
UNEQUAL = ("elapsed_s", "evaluations", "version", "environment", "command")


def rounded(value):
    """A report without clocks, its numbers to 6 digits, also those in sentences."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items() if key not in UNEQUAL}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.5e}")
    if isinstance(value, str):
        return NUMBER.sub(lambda found: f"{float(found[0]):.5e}", value)
    return value


def by_command(example, *options, hash_seed):
    command = [sys.executable, "-m", "layercheck", f"examples/{example['file']}"]
    done = subprocess.run(
        [*command, *example["arguments"], "--report", "json", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return rounded(json.loads(done.stdout))


def arguments_of(example):
    words = iter(example["arguments"])
    given = {}
    for word in words:
        name = word.removeprefix("--").replace("-", "_")
        flag = isinstance(getattr(Arguments, name, None), bool)
        given[name] = True if flag else (*given.get(name, ()), next(words))
    return Arguments((f"examples/{example['file']}",), **given)


def backwards(example):
    """The report of a run in this process that asks the last check first."""
    suites = tuple(
        replace(suite, checks=suite.checks[::-1]) for suite in reversed(load_suites()[0])
    )
    plan = make_plan(arguments_of(example), suites, "")
    (result,) = (event.result for event in run(plan) if isinstance(event, RunFinished))
    return rounded(jsonable(result.to_json()))


def results(document):
    """The results by id and dtype; the reason of a skip may name the check that came first."""
    found = {}
    for layer in document["layers"]:
        for result in layer["results"]:
            key = (layer["target"], result["id"], result["dtype"], result["device"])
            stopped = str(result["reason"]).startswith("stopped by what stopped")
            found[key] = result | {"reason": None} if stopped else result
    return found


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def require_the_same(example):
    isolated = by_command(example, hash_seed="1")
    here = by_command(example, "--in-process", hash_seed="2")

    assert isolated == here
    assert results(backwards(example)) == results(isolated)


@pytest.mark.parametrize("example", EXAMPLES[2:4], ids=lambda example: example["file"])
def test_an_example_says_the_same_every_time(example):
    require_the_same(example)


@pytest.mark.corpus
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["file"])
def test_every_example_says_the_same_every_time(example):
    require_the_same(example)
