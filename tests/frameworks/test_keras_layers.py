from __future__ import annotations

import os

import pytest
from frameworks.needs import needs

needs("tensorflow", "keras")

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from frameworks.keras_bugs import BUGS, FAILS  # noqa: E402
from frameworks.keras_layers import LAYERS  # noqa: E402

from layercheck import check_layer  # noqa: E402

QUICK = ("forgets-argument", "masked-mean", "always-trains", "wrong-gradient")
RIGHT = ("Dense", "MaxPooling1D", "Dropout", "Concatenate", "Embedding", "a model with two inputs")
# frameworks warn of their own use of NumPy, and TensorFlow leaves pools of threads
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
def test_a_layer_of_keras_fails_only_what_is_a_property_of_it(name):
    entry = LAYERS[name]
    if "tensorflow" not in entry.backends:
        pytest.skip("minutes on TensorFlow")

    report = check_layer(entry.make(), *entry.layouts, **entry.options)

    expected = {id for id, why in entry.fails.items() if "tensorflow" in why}
    assert of(report, "failed") == expected
    assert of(report, "incomplete") == set()
