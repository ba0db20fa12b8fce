from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.diagnose import diagnose
from layercheck.gradients.hypotheses import history
from layercheck.gradients.specimen import Specimen
from tests.cases import make_case
from tests.gradients.diagnosing import cause_of, elementwise, ids_of, matrix, with_gradient


@pytest.mark.parametrize(
    ("dx", "id"),
    [
        (lambda x, dz: np.cosh(x), "missing-upstream-gradient"),
        (lambda x, dz: dz * np.cosh(x) + x, "missing-upstream-gradient"),
        (lambda x, dz: dz**2 * np.cosh(x), "upstream-nonlinear"),
        (lambda x, dz: dz * np.cosh(dz), "upstream-nonlinear"),
        (lambda x, dz: np.where(dz > 0, dz * np.cosh(x), 0.5 * dz), "mask-from-upstream"),
        (lambda x, dz: np.abs(dz) * np.cosh(x), "mask-from-upstream"),
    ],
)
def test_how_backward_uses_the_upstream_is_told(dx, id):
    assert cause_of(with_gradient(np.sinh, dx), "CB:5,7").id == id


def test_a_backward_that_is_linear_uses_the_upstream_rightly():
    found = ids_of(with_gradient(np.sinh, lambda x, dz: dz * np.cosh(x) * x), "CB:5,7")

    assert not {"missing-upstream-gradient", "upstream-nonlinear", "mask-from-upstream"} & {*found}


@pytest.mark.parametrize("narrow", [np.float32, np.float16])
def test_a_slope_in_a_narrow_dtype_is_rounding(narrow):
    layer = elementwise(np.sinh, lambda x, z: np.cosh(x).astype(narrow).astype(np.float64))
    cause = cause_of(layer, "CB:5,7")

    assert cause.id == "rounding"
    assert cause.evidence["precision"] == np.dtype(narrow).name


def test_an_error_of_one_percent_is_no_rounding():
    found = ids_of(elementwise(np.sinh, lambda x, z: np.cosh(x) * (1 + 0.01 * x)), "CB:5,7")

    assert "rounding" not in found


class Remembers:
    """Keeps its input in the class: another object's forward overwrites it."""

    x = None

    def forward(self, x):
        type(self).x = x.copy()
        return np.sinh(x)

    def backward(self, dz):
        return dz * np.cosh(self.x)


class Keeps(Remembers):
    def forward(self, x):
        self.x = x.copy()
        return np.sinh(x)


def test_a_memory_that_another_object_overwrites_is_stale():
    assert "stale-memory" in ids_of_spoilt(Remembers)


def ids_of_spoilt(layer):
    """All causes named for a layer whose single calls are right."""
    case = make_case(layer, "CB:5,7")
    specimen = Specimen(case, case.point())
    found = history.stale_memory(specimen, specimen.tensor("input", "x"))
    return [found.id] if found else []


def test_a_memory_of_the_object_is_not_stale():
    assert ids_of_spoilt(Keeps) == []
    assert cause_of(Keeps, "CB:5,7") is None


class DrawsAgain:
    """Backward draws its own mask."""

    def forward(self, x):
        return x * np.random.binomial(1, 0.5, x.shape)

    def backward(self, dz):
        return dz * np.random.binomial(1, 0.5, dz.shape)


def test_a_backward_that_draws_its_own_numbers_is_not_deterministic():
    assert cause_of(DrawsAgain, "CB:5,7").id == "nondeterministic"


class WritesToUpstream:
    """z = x cosh(y); what dy is made of was multiplied in place for dx."""

    def predict(self, x, y):
        return x * np.cosh(y)

    def backward(self, x, y, z, dz, memory):
        dz *= np.cosh(y)
        return dz.copy(), dz * x * np.sinh(y)


class WritesToCopy(WritesToUpstream):
    def backward(self, x, y, z, dz, memory):
        scaled = dz * np.cosh(y)
        return scaled, dz * x * np.sinh(y)


class WritesToInput:
    """What backward derives at was overwritten by forward."""

    def predict(self, x):
        z = np.cosh(x)
        x[...] = np.cos(3 * x)
        return z

    def backward(self, x, z, dz, memory):
        return dz * np.sinh(x)


class UpdatesFirst:
    """The step is taken before dx is computed."""

    learnables = ("W",)

    def __init__(self):
        self.W = matrix(5, 5)

    def predict(self, x):
        return self.W @ x

    def backward(self, x, z, dz, memory):
        dW = dz @ x.T
        self.W -= 0.1 * dW
        return self.W.T @ dz, dW


def test_an_upstream_that_is_written_to_is_named():
    found = cause_of(WritesToUpstream, "x=CB:5,7", "y=CB:5,7", of="input:y")

    assert found.id == "mutates-upstream"


def test_an_upstream_that_is_copied_is_not():
    assert cause_of(WritesToCopy, "x=CB:5,7", "y=CB:5,7", of="input:y") is None


def test_an_input_that_forward_overwrites_is_named():
    assert cause_of(WritesToInput, "CB:5,7").id == "mutates-input"


def test_learnables_that_are_updated_too_early_are_named():
    cause = cause_of(UpdatesFirst, "CB:5,7")

    assert cause.id == "updates-learnables-in-backward"
    assert cause.evidence == {"learnables": "W"}


def at_grid(layer, layout, step=0.5):
    """The cause at values on a coarse grid, where kinks are."""
    case = make_case(layer, layout)
    point = case.point()
    grid = tuple(np.round(x / step) * step for x in point.inputs)
    return diagnose(case, "input", "x", type(point)(grid, *_rest(point))).cause


def _rest(point):
    return point.learnables, point.states, point.layouts


def test_a_value_outside_the_slopes_of_a_kink_is_named():
    layer = elementwise(lambda x: np.maximum(x, 0), lambda x, z: (x > 0) + 2.0 * (x == 0))
    cause = at_grid(layer, "CB:6,7")

    assert cause.id in ("one-sided-at-kink", "wrong-region")
    assert "0" in cause.text


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_a_value_between_the_slopes_of_a_kink_has_no_cause(at_zero):
    layer = elementwise(lambda x: np.maximum(x, 0), lambda x, z: (x > 0) + at_zero * (x == 0))

    assert at_grid(layer, "CB:6,7") is None
