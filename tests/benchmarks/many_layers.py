"""Many layers at once: two jobs against one, and what pytest takes to collect them.

    python tests/benchmarks/many_layers.py [--layers 40]

writes layers and their configuration to a temporary folder, and prints the seconds of
`layercheck --jobs 1` and `--jobs 2`, their ratio (0.5 is the best that two cores can do), what a
layer's process costs beside its checks, and the seconds that pytest takes to collect the layers'
tests, beside as many trivial ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAYER = """
class Scale{number}:
    def predict(self, x):
        return {number} * x

    def backward(self, x, z, dz, memory):
        return {number} * dz
"""
TABLE = """
[[tool.layercheck.layers]]
target = "layers.py::Scale{number}"
layouts = "BC:6,5"
dtypes = ["float64"]
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--layers", type=int, default=40)
    count = parser.parse_args().layers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        numbers = range(2, count + 2)
        layers = "".join(LAYER.format(number=number) for number in numbers)
        (folder / "layers.py").write_text(layers)
        tables = "".join(TABLE.format(number=number) for number in numbers)
        (folder / "pyproject.toml").write_text(tables)
        one, checks = checked(folder, 1)
        two, _ = checked(folder, 2)
        write(f"{count} layers: --jobs 1 {one:.1f} s, --jobs 2 {two:.1f} s, ratio {two / one:.2f}")
        beside = (one - checks) / count
        write(f"a layer costs {beside:.2f} s beside its checks, which take {checks / count:.2f} s")
        ours, tests = collected(folder, "--layercheck", "pyproject.toml")
        trivial = "".join(f"def test_{n}():\n    pass\n" for n in range(tests))
        (folder / "test_trivial.py").write_text(trivial)
        theirs, _ = collected(folder, "test_trivial.py")
        write(
            f"pytest collects {tests} tests of them in {ours:.1f} s, trivial ones in {theirs:.1f} s"
        )


def checked(folder, jobs):
    """The seconds of a run, and those of its checks."""
    started = time.perf_counter()
    done = run(folder, "layercheck", "--jobs", str(jobs), "--report", "json")
    seconds = time.perf_counter() - started
    layers = json.loads(done.stdout)["layers"]
    return seconds, sum(r["elapsed_s"] for layer in layers for r in layer["results"])


def collected(folder, *words):
    """The seconds that pytest takes to collect, and how many tests."""
    started = time.perf_counter()
    done = run(folder, "pytest", "-p", "layercheck_pytest", "--collect-only", "-q", *words)
    return time.perf_counter() - started, done.stdout.count("::")


def run(folder, *words):
    """Run a module of Python in a folder; it must succeed."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


def write(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
