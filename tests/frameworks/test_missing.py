"""What a user is told where a framework is missing, broken, or not that of the object."""

from __future__ import annotations

import subprocess
import sys

import pytest
from frameworks.needs import missing

LAYER = "import {name}\n\nclass Layer:\n    def predict(self, x):\n        return x\n"
PACKAGES = {
    "torch": "torch",
    "jax": "jax",
    "flax": "flax",
    "equinox": "equinox",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "mxnet": "mxnet==1.9.1",
}


def layercheck(folder, *arguments):
    command = [sys.executable, "-m", "layercheck", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def package(folder, name, text):
    """Put a package of a framework's name first on the path of the file beside it."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text)
    (folder / "layer.py").write_text(LAYER.format(name=name))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_framework_is_named_with_what_to_install(tmp_path, name):
    text = f'raise ModuleNotFoundError("No module named {name!r}", name={name!r})'
    package(tmp_path, name, text)

    done = layercheck(tmp_path, "layer.py", "--layout", "BC:3,4")

    assert done.returncode == 2
    assert done.stdout == ""
    assert f"Install it beside layercheck: pip install {PACKAGES[name]}" in done.stderr


@pytest.mark.parametrize("error", ["ImportError('lib.so: cannot open')", "RuntimeError('no')"])
def test_a_broken_framework_is_named_with_its_error(tmp_path, error):
    package(tmp_path, "torch", f"raise {error}")

    done = layercheck(tmp_path, "layer.py", "--layout", "BC:3,4")

    assert done.returncode == 2
    assert "torch is installed and cannot be imported." in done.stderr
    assert error.partition("(")[0] in done.stderr


def test_an_object_that_nobody_recognises_is_told_what_is_installed(tmp_path):
    (tmp_path / "layer.py").write_text("class Odd:\n    def run(self, x):\n        return x\n")

    done = layercheck(tmp_path, "layer.py::Odd", "--layout", "BC:3,4")

    assert done.returncode == 2
    assert "or a layer of a framework (installed here: " in done.stderr


@pytest.mark.parametrize("command", ["import layercheck", "import layercheck.cli"])
def test_a_bare_import_loads_no_framework(command):
    names = {*PACKAGES, "cupy"}
    code = f"import sys\n{command}\nprint(sorted({names!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_layer_of_numpy_loads_no_framework(tmp_path):
    text = """
import sys

class Layer:
    def predict(self, x):
        loaded = {"torch", "keras", "tensorflow", "mxnet", "jax"} & set(sys.modules)
        if loaded:
            raise ImportError(f"{loaded} is loaded")
        return 2 * x

    def backward(self, x, z, dz, memory):
        return 2 * dz
"""
    (tmp_path / "layer.py").write_text(text)

    done = layercheck(tmp_path, "layer.py", "--layout", "BC:3,4")

    assert done.returncode == 0, done.stdout


ALONE = {
    "torch": "import torch\n\nclass Layer(torch.nn.Module):\n    def forward(self, x):\n",
    "jax": "import jax.numpy as jnp\n\ndef layer(x):\n    if jnp.ndim(x) >= 0:\n",
}


@pytest.mark.parametrize("name", ALONE)
def test_a_layer_of_a_framework_loads_no_other(tmp_path, name):
    if missing(name):
        pytest.skip(missing(name))
    others = {*PACKAGES, "cupy"} - {name}
    body = f"        found = {others!r} & set(sys.modules)\n        assert not found, found\n"
    (tmp_path / "layer.py").write_text(f"import sys\n{ALONE[name]}{body}        return 2 * x\n")

    done = layercheck(tmp_path, "layer.py", "--layout", "BC:3,4")

    assert done.returncode == 0, done.stdout + done.stderr
