"""The benchmark against torch's gradcheck: its table, and its answer where torch is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import gradcheck
from tests.benchmarks.gradcheck import LARGE, LAYERS, OURS, POINT, RUNS, SLOW, SMALL

SCRIPT = Path(gradcheck.__file__)


def test_without_torch_the_benchmark_says_so_and_exits_2():
    code = f"import sys, runpy; sys.modules['torch'] = None; runpy.run_path({str(SCRIPT)!r}, "
    done = subprocess.run(
        [sys.executable, "-c", code + "run_name='__main__')"], capture_output=True, text=True
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith("needs torch, which is not installed: pip install torch\n")


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_bugs_to_plant(name):
    base, bugs = gradcheck.entries(name, SMALL)

    assert base.name == name
    assert len(bugs) == gradcheck.BUGS_OF_EACH[SMALL]
    assert all(bug.base == name for bug in bugs)


@pytest.mark.parametrize("tool", [POINT, OURS])
def test_layercheck_accepts_a_layer_and_finds_its_bugs(tool):
    found = gradcheck.measured("softmaxes.Softmax", gradcheck.TINY, tool)

    assert not found["alarm"]
    assert len(found["found"]) == found["planted"] == gradcheck.BUGS_OF_EACH[SMALL]
    assert found["seconds"] > 0


def made_up():
    """Results in which slow mode takes a second a layer and layercheck ten milliseconds."""
    results = {}
    for layout, tools in RUNS.items():
        for number, name in enumerate(LAYERS):
            for tool in tools:
                results[layout, name, tool] = {
                    "seconds": 1.0 if tool == SLOW else 0.01,
                    "mebibytes": 10.0 * number,
                    "alarm": number == 0 and tool == SLOW,
                    "found": ["bug"] * 3,
                    "planted": 4,
                }
    return results


def test_the_table_sums_over_the_layers():
    lines = list(gradcheck.table(made_up()))

    assert lines[2] == (
        "| gradcheck slow | 1.0 s (1.0 s to 1.0 s) | 35 MiB (at most 70) | 24 of 32 | 1 of 8 |"
    )
    assert lines[6] == (
        "| layercheck | 10 ms (10 ms to 10 ms) | 35 MiB (at most 70) | 24 of 32 | 0 of 8 |"
    )
    assert not [line for line in lines[8:] if SLOW in line]


def test_the_ratio_is_that_of_the_times():
    assert all(line.count(" = 100") == 2 for line in gradcheck.ratios(made_up()))


def test_times_have_two_digits():
    words = [gradcheck.in_words(seconds) for seconds in (0.0001234, 0.0456, 0.789, 12.34)]

    assert words == ["0.12 ms", "46 ms", "790 ms", "12.3 s"]


def test_sizes_are_what_the_table_says():
    from layercheck import Layout

    sizes = [Layout.parse(layout).shape for layout in (SMALL, LARGE)]

    assert sizes == [(10, 10, 4, 10), (24, 24, 20, 128)]
