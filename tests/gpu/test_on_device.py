"""The checks on a real GPU, and the rehearsal compared with it. Run with -m gpu."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layercheck.devices.cupy_device import CupyDevice
from layercheck.devices.cupy_module import make_module
from layercheck.devices.probing import probe
from layercheck.suites.device_passes import run_backward, run_pass, training_mode
from layercheck.verdict import Failed
from tests.cases import make_case
from tests.devices import gpu_broken, gpu_clean
from tests.devices.test_parity import EVERY
from tests.devices.test_rehearsal import LAYOUT, layers_of, marked
from tests.gpu.idioms import IDIOMS, answer

FILES = Path(__file__).parents[1] / "devices" / "cupy_files"
FOUND = probe("numpy")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not FOUND.devices, reason=FOUND.reason or "no CUDA device"),
]


def run_all(case):
    """Run every pass and every check on the device."""
    device = CupyDevice()
    run_pass(case, "predict", device)
    run_pass(case, training_mode(case), device)
    run_backward(case, device)
    for compare in EVERY:
        compare(case, device)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layer", layers_of(gpu_clean), ids=lambda layer: layer.__name__)
def test_a_layer_that_passes_the_rehearsal_runs_on_the_device(layer, dtype):
    case = make_case(layer, LAYOUT, gpu=True, dtype=dtype)

    for compare in EVERY:
        compare(case, CupyDevice())


@pytest.mark.parametrize("layer", layers_of(gpu_broken), ids=lambda layer: layer.__name__)
def test_a_layer_that_fails_the_rehearsal_fails_on_the_device_at_the_same_line(layer):
    case = make_case(layer, LAYOUT, gpu=True)
    line, _ = marked(layer)

    with pytest.raises(Failed) as caught:
        run_all(case)
    assert caught.value.finding.source.line == line


@pytest.mark.parametrize("code", IDIOMS)
def test_the_rehearsal_answers_as_the_device_does(code, monkeypatch):
    import cupy

    actual, _ = answer(code, cupy, np)
    played = make_module("cupy")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cupy", played)
        expected, _ = answer(code, played, np)
    assert actual == expected


def test_layers_of_cupy_pass_every_suite_on_the_device():
    command = [sys.executable, "-m", "layercheck", f"{FILES / 'right.py'}*", "--layout", LAYOUT]
    done = subprocess.run(
        [*command, "--in-process", "--report", "json"], capture_output=True, text=True, check=False
    )

    report = json.loads(done.stdout)
    assert report["summary"]["failed"] == 0
    assert not report["environment"]["cupy"].endswith("rehearsed")
