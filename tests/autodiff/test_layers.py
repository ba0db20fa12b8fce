"""NumPy layers without a backward pass: their gradients are derived and verified."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from frameworks.needs import needs

needs("jax")

from autodiff import wrong_layers  # noqa: E402
from autodiff.right_layers import OPTIONS, TABLE, Dense  # noqa: E402
from autodiff.wrong_layers import WRONG  # noqa: E402

import layercheck  # noqa: E402

QUICK = "shapes,dtypes,gradients"


def made(layer):
    return layer() if isinstance(layer, type) else layer


def outcomes(report, *wanted):
    return {(r.id, r.dtype): r.outcome.value for r in report.results if r.outcome.value in wanted}


def quickly(layer):
    name = layer.__name__
    return pytest.param(
        layer, id=name, marks=() if name in "DenseGatedBatchNorm" else pytest.mark.corpus
    )


@pytest.mark.parametrize("layer", [quickly(layer) for layer in TABLE])
def test_a_right_layer_passes_every_check(layer):
    report = layercheck.check_layer(made(layer), *TABLE[layer], **OPTIONS.get(layer, {}))

    assert outcomes(report, "failed", "incomplete") == {}
    assert outcomes(report, "passed")["gradients.autodiff", "float64"] == "passed"


@pytest.mark.parametrize("layer", WRONG)
def test_a_layer_that_breaks_the_trace_fails_with_its_line(layer):
    report = layercheck.check_layer(layer(), "BC:5,4", only=QUICK)
    file = Path(inspect.getsourcefile(wrong_layers))
    source, start = inspect.getsourcelines(layer)
    if layer.__name__ == "InHelper":
        source, start = inspect.getsourcelines(wrong_layers._bias)
    line = start + next(i for i, text in enumerate(source) if "# HERE" in text)

    assert {id for id, _ in outcomes(report, "failed", "incomplete")} == {"gradients.autodiff"}
    finding = next(r for r in report.results if r.id == "gradients.autodiff").finding
    assert (Path(finding.source.file).resolve(), finding.source.line) == (file, line)
    assert finding.fix


def test_a_layer_without_learnables_is_not_accused():
    class Rounded:
        def predict(self, x):
            return np.asarray(x) * 2

    report = layercheck.check_layer(Rounded(), "BC:5,4", only="gradients")

    assert outcomes(report, "failed", "incomplete") == {}
    reason = next(r.reason for r in report.results if r.id == "gradients.autodiff")
    assert "np.asarray" in reason
    assert "test_layers.py" in reason


def test_integer_outputs_have_no_derivative():
    class Largest:
        def predict(self, x):
            return x.argmax(axis=1)

    report = layercheck.check_layer(Largest(), "BC:5,4", only="gradients")

    reason = next(r.reason for r in report.results if r.id == "gradients.autodiff")
    assert "integers" in reason


def test_without_jax_the_check_says_what_to_install(monkeypatch):
    from layercheck.autodiff import layers

    monkeypatch.setattr(layers, "why_unavailable", lambda: "jax is missing: pip install jax")
    report = layercheck.check_layer(Dense(), "BC:5,4", only="gradients")

    reasons = {r.id: r.reason for r in report.results}
    assert "pip install jax" in reasons["gradients.autodiff"]
    assert outcomes(report, "failed", "incomplete") == {}


class Raises:
    def predict(self, x):
        raise ValueError("no")


def test_a_layer_whose_forward_raises_fails_and_is_not_derived():
    report = layercheck.check_layer(Raises(), "BC:4,3", only=("shapes.predict",))

    assert {result.id for result in report.failures} == {"shapes.predict"}
