"""The examples and their verdicts: those in examples/, and those of each framework."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from frameworks.needs import missing

EXAMPLES = Path(__file__).parents[1] / "examples"
PREFIX = "with_"


def _read(path):
    """The examples of one table, each with its path below examples/ and the framework it needs."""
    folder = path.parent.relative_to(EXAMPLES)
    framework = folder.name.removeprefix(PREFIX) if folder.name.startswith(PREFIX) else None
    for example in tomllib.loads(path.read_text("utf-8"))["example"]:
        yield {"needs": framework, **example, "file": (folder / example["file"]).as_posix()}


TABLES = (EXAMPLES / "verdicts.toml", *sorted(EXAMPLES.glob(f"{PREFIX}*/verdicts.toml")))
ALL = [example for table in TABLES for example in _read(table)]


def each(examples=ALL):
    """Return test parameters; an example whose framework is missing is skipped."""
    return [
        pytest.param(
            example,
            id=" ".join([example["file"], *example.get("variant", "").split()]),
            marks=[pytest.mark.skip(reason=reason)]
            if example["needs"] and (reason := missing(example["needs"]))
            else [],
        )
        for example in examples
    ]
