"""What the rehearsal finds in layers of NumPy, and what it lets pass."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from layercheck.suites.gpu import rehearsal_backward, rehearsal_forward
from layercheck.verdict import Failed, Skipped
from tests.cases import finding_of, make_case, reason_of
from tests.devices import gpu_broken, gpu_clean
from tests.frameworks.needs import missing

LAYOUT = "BC:6,4"


def layers_of(module):
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]


def marked(layer):
    """The line of a layer that breaks, and the cause that is to be named there."""
    lines, start = inspect.getsourcelines(layer)
    (found,) = [
        (start + i, line.partition("# breaks:")[2].strip() or None)
        for i, line in enumerate(lines)
        if "# breaks:" in line
    ]
    return found


def first_finding(case):
    """The finding of the first of the two checks that fails; the other must not fail."""
    try:
        rehearsal_forward(case)
    except Failed as failed:
        return failed.finding
    return finding_of(rehearsal_backward, case)


@pytest.mark.parametrize("layer", layers_of(gpu_broken), ids=lambda layer: layer.__name__)
def test_a_layer_that_breaks_on_a_gpu_is_found_with_line_and_cause(layer):
    if layer is gpu_broken.OnesLike and np.__version__.startswith("1."):
        pytest.skip("NumPy 2 alone hands device=None on")
    finding = first_finding(make_case(layer, LAYOUT, gpu=True))

    line, cause = marked(layer)
    assert finding.source.line == line
    assert (finding.cause and finding.cause.id) == cause
    assert finding.fix


@pytest.mark.parametrize("layer", layers_of(gpu_clean), ids=lambda layer: layer.__name__)
def test_a_layer_that_runs_on_a_gpu_passes(layer):
    case = make_case(layer, LAYOUT, gpu=True)

    rehearsal_forward(case)
    rehearsal_backward(case)


def test_the_corpora_are_large_enough():
    assert len(layers_of(gpu_broken)) >= 25
    assert len(layers_of(gpu_clean)) >= 30


def test_a_finding_is_advice_where_the_layer_does_not_claim_the_gpu():
    reason = reason_of(rehearsal_forward, make_case(gpu_broken.HostBufferInForward, LAYOUT))

    line, _ = marked(gpu_broken.HostBufferInForward)
    assert reason.startswith("advice: predict() does not run on arrays of a GPU")
    assert f"gpu_broken.py:{line}" in reason
    assert "np.zeros_like(x)" in reason
    assert "--gpu makes it a failure" in reason


def test_backward_is_not_rehearsed_after_a_forward_that_breaks():
    case = make_case(gpu_broken.HostBufferInForward, LAYOUT, gpu=True)

    assert reason_of(rehearsal_backward, case) == "needs gpu.rehearsal_forward"


def test_a_clean_layer_passes_without_being_asked_to():
    case = make_case(gpu_clean.Dense, LAYOUT)

    assert rehearsal_forward(case).notes == ()
    assert rehearsal_backward(case).notes == ()


def test_waiting_for_the_device_is_noted_with_the_line():
    (note,) = rehearsal_forward(make_case(gpu_clean.ConditionOnArray, LAYOUT)).notes

    lines, start = inspect.getsourcelines(gpu_clean.ConditionOnArray)
    line = start + next(i for i, text in enumerate(lines) if ".any()" in text)
    assert note.startswith("a condition on an array at ")
    assert f"gpu_clean.py:{line} waits for the device" in note


def test_a_layer_is_left_on_the_host():
    case = make_case(gpu_broken.HostBufferInForward, LAYOUT, gpu=True)
    with pytest.raises(Failed):
        rehearsal_forward(case)

    assert type(case.base("predict").outputs[0]) is np.ndarray


def test_a_layer_without_backward_is_rehearsed_forward():
    class Doubles:
        learnables = ()

        def predict(self, x):
            return 2 * x

    case = make_case(Doubles, LAYOUT, gpu=True)

    rehearsal_forward(case)
    with pytest.raises(Skipped, match="has no backward"):
        rehearsal_backward(case)


@pytest.mark.skipif(missing("scipy") is not None, reason=str(missing("scipy")))
def test_a_ufunc_of_scipy_runs_where_cupy_has_it():
    from tests.devices import gpu_scipy

    clean = make_case(gpu_scipy.ScipyErf, LAYOUT, gpu=True)
    rehearsal_forward(clean)
    rehearsal_backward(clean)

    finding = finding_of(rehearsal_forward, make_case(gpu_scipy.ScipyOnlyOnHost, LAYOUT, gpu=True))
    assert (finding.source.line, finding.cause.id) == marked(gpu_scipy.ScipyOnlyOnHost)
