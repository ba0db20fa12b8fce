"""Which devices are there, in every state that an installation can be in."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from layercheck.devices import probing
from layercheck.devices.drivers import has_driver
from layercheck.devices.probing import probe
from tests.frameworks.needs import missing


@pytest.fixture
def without(monkeypatch):
    """Pretend that no framework is imported; return what pretends one that is."""
    for name in ("cupy", "torch", "jax"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return lambda name, module: monkeypatch.setitem(sys.modules, name, module)


def fake_cupy(devices):
    runtime = SimpleNamespace(getDeviceCount=lambda: devices)
    return SimpleNamespace(is_available=lambda: devices > 0, cuda=SimpleNamespace(runtime=runtime))


def fake_torch(cuda, devices):
    return SimpleNamespace(
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(is_available=lambda: devices > 0, device_count=lambda: devices),
    )


def test_without_a_driver_the_reason_says_so(without, monkeypatch):
    monkeypatch.setattr(probing, "has_driver", lambda: False)
    monkeypatch.setattr(probing, "_is_installed", lambda name: True)

    found = probe("numpy")
    assert found.devices == ()
    assert found.reason == "no CUDA device: no driver of a GPU is installed"


def test_where_cupy_is_absent_too_the_extra_is_named(without, monkeypatch):
    monkeypatch.setattr(probing, "has_driver", lambda: False)
    monkeypatch.setattr(probing, "_is_installed", lambda name: False)

    assert "pip install 'layercheck[cuda12]'" in probe("numpy").reason


def test_absent_cupy_beside_a_driver_is_named_with_the_extra(without, monkeypatch):
    monkeypatch.setattr(probing, "has_driver", lambda: True)
    monkeypatch.setattr(probing, "_is_installed", lambda name: False)

    reason = probe("numpy").reason
    assert "CuPy is not installed" in reason
    assert "layercheck[cuda13]" in reason


def test_broken_cupy_is_named_with_what_it_raises(without, monkeypatch, tmp_path):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text('raise ImportError("libcudart.so.12")\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(probing, "has_driver", lambda: True)

    assert probe("numpy").reason == (
        "CuPy is installed and cannot be imported: ImportError: libcudart.so.12"
    )


def test_cupy_without_a_device_is_named(without):
    without("cupy", fake_cupy(0))

    assert probe("numpy").reason == "CuPy finds no CUDA device"


def test_every_device_of_cupy_is_listed(without):
    without("cupy", fake_cupy(2))

    assert probe("numpy").devices == ("cuda:0", "cuda:1")


def test_a_cupy_that_raises_when_asked_is_no_exception(without):
    def fails():
        raise RuntimeError("driver too old\nmore")

    without("cupy", SimpleNamespace(is_available=fails))

    assert probe("numpy").reason == (
        "the devices of numpy cannot be listed: RuntimeError: driver too old"
    )


@pytest.mark.parametrize(
    ("cuda", "devices", "reason"),
    [
        (None, 0, "no CUDA device is used: this PyTorch is built without CUDA"),
        ("12.8", 0, "PyTorch finds no CUDA device"),
    ],
)
def test_torch_without_a_device_says_why(without, cuda, devices, reason):
    without("torch", fake_torch(cuda, devices))

    assert probe("torch").reason == reason


def test_every_device_of_torch_is_listed(without):
    without("torch", fake_torch("12.8", 1))

    assert probe("torch").devices == ("cuda:0",)


def test_a_framework_that_is_not_imported_is_not_asked(without):
    assert probe("torch").reason == "PyTorch is not imported"
    assert probe("jax").reason == "JAX is not imported"
    assert "torch" not in sys.modules
    assert "jax" not in sys.modules


def test_other_frameworks_are_checked_on_the_cpu():
    assert probe("mxnet").reason == "layers of mxnet are checked on the CPU"


def test_probing_for_numpy_layers_imports_no_cupy_without_a_driver():
    code = "import sys; from layercheck.devices.probing import probe; probe('numpy'); "
    code += "print('cupy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(has_driver() and missing("cupy") is None)


LAYER = """
import cupy as cp

class Double:
    def predict(self, x):
        return cp.multiply(x, 2)
    def backward(self, x, z, dz, memory):
        return cp.multiply(dz, 2)
"""


@pytest.mark.skipif(has_driver(), reason="a GPU's driver is here: nothing stands in")
def test_a_broken_cupy_does_not_hinder_a_layer_of_cupy(tmp_path):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text('raise ImportError("libcudart.so.12")\n')
    (tmp_path / "double.py").write_text(textwrap.dedent(LAYER))
    command = [sys.executable, "-m", "layercheck", "double.py", "--layout", "BC:3,2", "--only"]
    done = subprocess.run(
        [*command, "gpu,shapes", "-v"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "rehearsed" in done.stdout
    assert "no driver of a GPU is installed" in " ".join(done.stdout.split())


DEVICE = """
import counted
counted.times.append(1)
from cupy import parts

def is_available():
    return AVAILABLE
"""
IMPORTS = """
import sys
from layercheck.devices import drivers, stand_in
stand_in.has_driver = lambda: True
stand_in.install()
import cupy
import cupy.parts
import counted
print(len(counted.times), hasattr(cupy, "__rehearsed__"), cupy.__spec__.origin is not None)
"""


@pytest.mark.parametrize(
    ("available", "expected"), [("True", "1 False True"), ("False", "1 True False")]
)
def test_a_cupy_beside_a_driver_is_imported_once_and_replaced_where_it_has_no_device(
    tmp_path, available, expected
):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text(DEVICE.replace("AVAILABLE", available))
    (tmp_path / "cupy" / "parts.py").write_text("")
    (tmp_path / "counted.py").write_text("times = []")
    (tmp_path / "run.py").write_text(IMPORTS)
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == expected, done.stderr
