from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from frameworks.needs import needs

needs("tensorflow", "keras")

TEXT = """
import keras

class Conv(keras.layers.Conv2D):
    def __init__(self):
        super().__init__(3, 2)

class Double(keras.layers.Layer):
    def call(self, x):
        return 2 * x

built = keras.layers.Dense(3)
built.build((None, 5))

def squash(x):
    return keras.ops.tanh(x)
"""


@pytest.fixture
def check(tmp_path):
    """Run the real command on a file of layers."""
    (tmp_path / "mine.py").write_text(TEXT, "utf-8")

    def run(*words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "layercheck", *words],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mine.py::Conv", "--layout", "SSCB:5,5,2,4"), "Pass --layout BSSC:4,5,5,2"),
        (("mine.py::Conv", "--layout", "BCSS:4,2,5,5"), "Pass --layout BSSC:4,5,5,2"),
        (("mine.py::built", "--layout", "BC:6,4"), "have value 5"),
        (("mine.py::Double", "--layout", "BC:6,5", "--declare", "backend=jxa"), "'jax'?"),
    ],
    ids=["observations last", "channels first", "another size", "no backend"],
)
def test_what_does_not_fit_is_refused_with_what_to_do(check, words, said):
    done = check(*words)

    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr


def test_a_backend_without_gradients_is_refused(check):
    done = check("mine.py::Double", "--layout", "BC:6,5", KERAS_BACKEND="numpy")

    assert done.returncode == 2
    assert "no gradients" in done.stderr
    assert "--declare backend=tensorflow" in done.stderr


def test_a_backend_that_does_not_exist_is_named(check):
    done = check("mine.py::Double", "--layout", "BC:6,5", KERAS_BACKEND="theano")

    assert done.returncode == 2
    assert "--declare backend=NAME" in done.stderr


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize("place", ["--in-process", None], ids=["here", "in a process of its own"])
def test_a_declared_backend_computes(check, backend, place):
    needs(backend)
    words = ["mine.py::Double", "--layout", "BC:6,5", "--only", "gradients"]
    places = [place] if place else []

    done = check(*words, "--declare", f"backend={backend}", *places, "--report", "json")

    (layer,) = json.loads(done.stdout)["layers"]
    assert layer["framework"] == "keras"
    assert layer["convention"] == f"layer on {backend}"
    assert done.returncode == 0


def test_a_function_of_keras_is_a_layer(check):
    done = check("mine.py::squash", "--layout", "BC:6,5", "--only", "gradients", "--report", "json")

    (layer,) = json.loads(done.stdout)["layers"]
    assert layer["convention"].startswith("function on")
    assert done.returncode == 0
