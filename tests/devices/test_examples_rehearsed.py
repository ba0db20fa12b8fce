"""Every NumPy example is judged for a GPU, without one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from example_table import ALL, EXAMPLES

NUMPY = [e for e in ALL if "/" not in e["file"] and "variant" not in e]


@pytest.mark.corpus
@pytest.mark.parametrize("example", NUMPY, ids=lambda example: example["file"])
def test_an_example_is_passed_or_failed_with_gpu(example):
    command = [sys.executable, "-m", "layercheck", example["file"], *example["arguments"]]
    options = ["--gpu", "--only", "gpu.rehearsal_*", "--in-process", "--report", "json"]
    done = subprocess.run(
        [*command, *options], cwd=EXAMPLES, capture_output=True, text=True, check=False
    )

    (layer,) = json.loads(done.stdout)["layers"]
    forward, backward = layer["results"]
    assert forward["outcome"] == "passed"
    if backward["outcome"] == "skipped":
        assert backward["reason"].startswith(("backward is derived", "the layer has no"))
    else:
        assert backward["outcome"] == ("failed" if example["file"] == "gather.py" else "passed")
