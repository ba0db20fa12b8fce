"""Layers of MXNet: Gluon's own, wrong ones and right ones, and what a newcomer does wrong."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from frameworks.needs import needs

needs("mxnet")

with warnings.catch_warnings():  # of NumPy 1.23, that np.bool goes
    warnings.simplefilter("ignore")
    import mxnet  # noqa: F401

from frameworks.gluon_bugs import BUGS, RIGHT, Dense  # noqa: E402
from frameworks.gluon_layers import LAYERS, PROPERTIES  # noqa: E402
from mxnet.gluon import nn  # noqa: E402

import layercheck  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # MXNet's own, under NumPy 1.23
QUICK = {"Dense", "Dropout", "Flatten", "Embedding", "ReLU"}


def bad(report):
    return {r.id for r in report.results if r.outcome.value in ("failed", "incomplete")}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.corpus) for n in LAYERS]
)
def test_a_layer_of_gluon_has_no_failure_but_its_properties(name):
    make, layouts, options = LAYERS[name]

    assert (
        bad(layercheck.check_layer(make(), *layouts, **options))
        == PROPERTIES.get(name, (set(), ""))[0]
    )


@pytest.mark.corpus
@pytest.mark.parametrize("layer", BUGS, ids=lambda layer: layer.__name__)
def test_a_wrong_layer_fails_exactly_what_it_breaks(layer):
    layouts, expected, options = BUGS[layer]

    assert bad(layercheck.check_layer(layer, *layouts, **options)) == expected


@pytest.mark.corpus
@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.__name__)
def test_a_right_layer_fails_nothing(layer):
    layouts, options = RIGHT[layer]

    assert bad(layercheck.check_layer(layer, *layouts, **options)) == set()


def test_parameters_and_auxiliary_ones_have_their_names():
    net = nn.HybridSequential()
    net.add(nn.Dense(3), nn.BatchNorm())
    report = layercheck.check_layer(net, "BC:6,4", declare={"mixes": "B"}, only="gradients,state")

    ids = {r.id for r in report.results}
    assert {"gradients.learnable:0.weight", "gradients.learnable:1.gamma"} <= ids
    assert {"gradients.state:1.running_mean", "gradients.state:1.running_var"} <= ids


def test_an_exception_in_backward_is_named_with_its_line(tmp_path):
    file = tmp_path / "layer.py"
    file.write_text(
        "from mxnet import autograd\n\n\nclass Doubled(autograd.Function):\n"
        "    def forward(self, x):\n        return 2 * x\n\n"
        "    def backward(self, dz):\n        raise ValueError('not written yet')\n"
    )
    done = run(file, "--layout", "BC:6,4")

    assert done.returncode == 1
    assert "ValueError: not written yet" in done.stdout
    assert "layer.py:9" in done.stdout
    assert "Error in Function" not in done.stdout


def run(*arguments):
    command = [sys.executable, "-m", "layercheck", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layout", "BC:6,4", "--layout", "BC:6,4"], "2 layouts were given"),
        (["--layout", "y=BC:6,4"], "There is no input 'y'"),
        (["--layout", "BC:6,4", "--call", "scale=2"], "--call gives an argument 'scale'"),
        (["--layout", "BC:6,4", "--init", "size=3"], "size"),
    ],
)
def test_a_mistake_ends_with_status_2_and_says_what_to_do(tmp_path, arguments, said):
    file = tmp_path / "layer.py"
    file.write_text(
        "from mxnet.gluon import nn\n\n\nclass Same(nn.Block):\n"
        "    def forward(self, x):\n        return x * 1\n"
    )
    done = run(file, *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_layer_without_values_gets_them():
    assert bad(layercheck.check_layer(Dense, "BC:6,4", only="shapes")) == set()
