from __future__ import annotations

import numpy as np
import pytest
from frameworks.cubic import Cubic, subject

from layercheck import write_back
from layercheck.case import Case
from layercheck.suites.gradients import suite
from tests.cases import finding_of, reason_of

CHECKS = {check.name: check for check in suite.checks}


def case_of(layer=None, **facts):
    return Case(subject(layer, **facts), "float64")


@pytest.mark.parametrize("pure", [False, True])
def test_an_evaluation_gives_what_the_program_gives(pure):
    case = case_of(pure=pure)
    point = case.point()
    (x,), (w,) = point.inputs, point.learnables

    done = case.evaluate(point)
    found = case.pull_back(done, [np.ones_like(x)])

    np.testing.assert_allclose(done.outputs[0], w * x**3, rtol=1e-14)
    np.testing.assert_allclose(found.inputs[0], 3 * w * x**2, rtol=1e-14)
    np.testing.assert_allclose(found.learnables[0], np.sum(x**3, axis=0), rtol=1e-14)


def test_backward_is_a_pure_function_whatever_it_writes_into_its_tape():
    case = case_of(Cubic(writes=True))
    done = case.evaluate(case.point())
    upstream = case.upstream(done.outputs)

    first, second = (case.pull_back(done, upstream).inputs[0] for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_a_live_layer_keeps_the_tape_that_its_own_forward_recorded():
    case = case_of(Cubic(writes=True))
    live = case.instance()
    done = live.run(case.point().inputs, "forward")
    upstream = case.upstream(done.outputs)

    first, second = (live.pull_back(done, upstream).inputs[0] for _ in range(2))

    np.testing.assert_allclose(second, 4 * first)


def test_a_pass_that_is_recorded_again_draws_the_same_numbers():
    case = case_of(Cubic(draws=0.3))
    done = case.evaluate(case.point())
    (x,), (w,) = case.point().inputs, case.point().learnables

    (dx,) = case.pull_back(done, [np.ones_like(x)]).inputs

    np.testing.assert_allclose(dx * x, 3 * done.outputs[0], rtol=1e-13)
    assert not np.allclose(done.outputs[0], w * x**3)


def test_a_pure_program_records_a_pass_once():
    layer = Cubic()
    case = case_of(layer, pure=True)
    done = case.evaluate(case.point())
    for _ in range(3):
        case.pull_back(done, case.upstream(done.outputs))

    assert done.done.memory.tape is not None


@pytest.mark.parametrize("name", ["autodiff", "second_order", "forward_mode"])
def test_right_derivatives_pass(name):
    CHECKS[name](case_of())


@pytest.mark.parametrize("wrong", [1.01, 0.0, -1.0])
def test_a_wrong_second_derivative_is_found(wrong):
    finding = finding_of(CHECKS["second_order"], case_of(Cubic(second=wrong)))

    assert "with respect to input x is wrong" in finding.what
    assert finding.worst.error > 0


def test_a_wrong_mixed_derivative_is_found():
    assert "input x" in finding_of(CHECKS["second_order"], case_of(Cubic(mixed=0.5))).what


def test_a_second_derivative_that_vanishes_is_called_cut_off():
    finding = finding_of(CHECKS["second_order"], case_of(Cubic(second=0.0, mixed=0.0)))

    assert finding.cause.id == "zero-gradient"


@pytest.mark.parametrize("wrong", [1.01, 0.0, -1.0])
def test_a_wrong_tangent_is_found(wrong):
    finding = finding_of(CHECKS["forward_mode"], case_of(Cubic(tangent=wrong)))

    assert finding.what == "Forward mode gives a wrong tangent of the output."
    assert finding.wrong == 6


def test_what_a_framework_cannot_do_is_skipped():
    case = case_of(second_order=False, forward_mode=False)

    assert "cannot be differentiated again" in reason_of(CHECKS["second_order"], case)
    assert "no forward mode" in reason_of(CHECKS["forward_mode"], case)


def test_what_a_pass_wrote_goes_into_arguments_that_may_be_written():
    free, protected = np.zeros(3), np.zeros(3)
    protected.flags.writeable = False

    for array in (free, protected):
        write_back(array, np.arange(3, dtype=np.float32))

    np.testing.assert_array_equal(free, [0, 1, 2])
    np.testing.assert_array_equal(protected, [0, 0, 0])
