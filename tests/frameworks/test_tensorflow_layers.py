from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from frameworks.needs import needs

needs("tensorflow")

import layercheck_tensorflow  # noqa: E402
from frameworks.tensorflow_bugs import BUGS, FAILS  # noqa: E402
from frameworks.tensorflow_layers import LAYERS  # noqa: E402

from layercheck import check_layer  # noqa: E402

QUICK = ("forgets-upstream", "wrong-shape", "counts-calls", "hidden-variable")
RIGHT = ("Dense", "a traced call", "Embedding", "matmul", "noisy")
pytestmark = pytest.mark.filterwarnings("ignore")


def some(names, quick):
    return [
        pytest.param(name, id=name, marks=[] if name in quick else [pytest.mark.corpus])
        for name in names
    ]


def of(report, *outcomes):
    return {r.id for r in report.results if r.outcome.value in outcomes}


@pytest.mark.parametrize("name", some(BUGS, QUICK))
def test_a_wrong_layer_fails_exactly_what_it_must(name):
    make, layouts = BUGS[name]

    report = check_layer(make(), *layouts)

    assert of(report, "failed") == FAILS[name]
    assert of(report, "incomplete") == set()


@pytest.mark.parametrize("name", some(LAYERS, RIGHT))
def test_a_right_layer_passes(name):
    make, layouts, options = LAYERS[name]

    report = check_layer(make(), *layouts, **options)

    assert of(report, "failed", "incomplete") == set()


def test_the_plugin_names_no_keras():
    files = Path(layercheck_tensorflow.__file__).parent.glob("*.py")

    assert not [f.name for f in files if "import keras" in f.read_text("utf-8")]


@pytest.mark.parametrize("name", ["layercheck_tensorflow.suite", "layercheck_keras.suite"])
def test_a_suite_is_listed_without_its_framework(name):
    code = f"import sys, {name}; print({{'tensorflow', 'keras'}} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
