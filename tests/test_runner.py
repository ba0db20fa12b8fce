"""The runner: what a check raises becomes its outcome, and nothing stops the others."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from layercheck.errors import LayerError, UsageError
from layercheck.events import CheckFinished, LayerFinished, RunFinished, RunStarted
from layercheck.layout import Layout
from layercheck.loading import loaded_object
from layercheck.outcome import Outcome
from layercheck.plan import Plan, TargetPlan, require_known
from layercheck.runner import run
from layercheck.suite import Check, Suite
from layercheck.verdict import Inconclusive, Passed, fail, skip


class Double:
    def predict(self, x):
        return 2 * x

    def backward(self, x, z, dz, memory):
        return 2 * dz


class Unbuildable(Double):
    def __init__(self):
        raise RuntimeError("no weights")


class Uninitialisable(Double):
    def initialize(self, layout):
        raise RuntimeError("no channels")


def holds(case):
    return Passed(notes=("well",))


def is_wrong(case):
    fail("It is wrong.", fix="Mend it.")


def does_not_apply(case):
    skip("no reason")


def is_undecided(case):
    raise Inconclusive("too coarse")


def breaks(case):
    raise LayerError("forward()", ValueError("boom"))


def prints(case):
    print("layer talk")  # noqa: T201 - what layers do
    sys.stderr.write("layer noise")


def is_interrupted(case):
    raise KeyboardInterrupt


def of_tensor(case, name):
    if name == "x":
        fail("x is wrong.")


SUITE = Suite(
    "demo",
    "For the tests.",
    (
        Check("holds", holds),
        Check("is_wrong", is_wrong, dtypes="all"),
        Check("does_not_apply", does_not_apply),
        Check("is_undecided", is_undecided),
        Check("breaks", breaks),
        Check("breaks_again", breaks),
        Check("tensor", of_tensor, cases=lambda subject: ("x", "w")),
    ),
)


def plan_for(*layers, suites=(SUITE,), **settings):
    targets = tuple(
        TargetPlan(
            loaded_object(layer),
            ((None, Layout.parse("BC:4,3")),),
            rerun=lambda id, dtype: f"again {id} {dtype}",
        )
        for layer in layers
    )
    return Plan(targets, suites, **settings)


def results_of(plan):
    events = list(run(plan))
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    return events[-1].result


def outcomes(result):
    return {(r.id, r.dtype): r.outcome for r in result.results}


def test_each_way_a_check_can_end_is_an_outcome():
    found = outcomes(results_of(plan_for(Double())))

    assert found == {
        ("demo.holds", "float64"): Outcome.PASSED,
        ("demo.is_wrong", "float64"): Outcome.FAILED,
        ("demo.is_wrong", "float32"): Outcome.FAILED,
        ("demo.does_not_apply", "float64"): Outcome.SKIPPED,
        ("demo.is_undecided", "float64"): Outcome.INCOMPLETE,
        ("demo.breaks", "float64"): Outcome.INCOMPLETE,
        ("demo.breaks_again", "float64"): Outcome.SKIPPED,
        ("demo.tensor:x", "float64"): Outcome.FAILED,
        ("demo.tensor:w", "float64"): Outcome.PASSED,
    }


def test_an_exception_is_reported_once():
    reasons = {r.id: r.reason for r in results_of(plan_for(Double())).results}

    assert reasons["demo.breaks"] == "forward() raised ValueError: boom"
    assert reasons["demo.breaks_again"] == "stopped by what stopped demo.breaks"


def test_a_failure_carries_the_command_that_shows_it_again():
    result = next(r for r in results_of(plan_for(Double())).results if r.id == "demo.is_wrong")

    assert result.finding.rerun == "again demo.is_wrong float64"


@pytest.mark.parametrize(
    ("only", "skipped", "expected"),
    [
        (("demo.holds",), (), {"demo.holds"}),
        (("demo.tensor:x",), (), {"demo.tensor:x"}),
        (("demo.tensor",), (), {"demo.tensor:x", "demo.tensor:w"}),
        (("demo.break*",), ("demo.breaks_again",), {"demo.breaks"}),
        (("demo",), ("demo.[bdit]*", "demo.is*"), {"demo.holds"}),
        ((), ("demo.tensor:w", "demo.[bdi]*"), {"demo.holds", "demo.tensor:x"}),
    ],
)
def test_checks_are_selected_by_suite_check_case_and_glob(only, skipped, expected):
    result = results_of(plan_for(Double(), only=only, skip=skipped))

    assert {r.id for r in result.results} == expected


def test_a_pattern_that_selects_nothing_is_an_error_with_the_nearest_name():
    with pytest.raises(UsageError, match=r"no suite 'dem' \(only\)\. Did you mean 'demo'\?"):
        require_known(("dem",), (SUITE,), "only")
    with pytest.raises(UsageError, match=r"no check 'demo.hold' .* Did you mean 'demo.holds'"):
        require_known(("demo.hold",), (SUITE,), "only")


def test_an_expected_failure_is_met_if_one_dtype_fails():
    plan = plan_for(Double(), only=("demo.is_wrong",), expected={"demo.is_wrong": "known"})
    result = results_of(plan)

    assert set(outcomes(result).values()) == {Outcome.EXPECTED_FAILURE}
    assert result.ok
    assert all(r.expectation == "known" for r in result.results)


def test_an_expected_failure_that_passes_is_a_failure():
    plan = plan_for(Double(), only=("demo.holds",), expected={"demo.holds": "known"})
    (result,) = results_of(plan).results

    assert result.outcome is Outcome.FAILED
    assert result.finding.what == "The check passed although it is expected to fail."


def test_an_expectation_that_names_no_check_is_an_error():
    with pytest.raises(UsageError, match=r"No check is called 'demo\.tensor:y'"):
        results_of(plan_for(Double(), expected={"demo.tensor:y": "known"}))


def test_what_a_layer_prints_stays_out_of_the_output(capsys):
    results_of(plan_for(Double(), suites=(Suite("s", "", (Check("prints", prints),)),)))
    captured = capsys.readouterr()

    assert (captured.out, captured.err) == ("", "")


def test_an_interrupt_keeps_what_is_done():
    checks = (Check("holds", holds), Check("stop", is_interrupted), Check("after", holds))
    result = results_of(plan_for(Double(), suites=(Suite("s", "", checks),)))

    assert result.interrupted
    assert [r.id for r in result.results] == ["s.holds"]


def test_a_layer_ends_at_its_first_failure_where_that_is_wanted():
    result = results_of(plan_for(Double(), stop_on_first=True))

    assert [r.id for r in result.results] == ["demo.holds", "demo.is_wrong", "demo.is_wrong"]


CONTRACT = Suite(
    "contract", "", (Check("construct", holds, dtypes="none"), Check("initialize", holds))
)


def test_a_constructor_that_raises_fails_construct_and_the_rest_needs_it():
    result = results_of(plan_for(Unbuildable, suites=(CONTRACT, SUITE)))
    found = {r.id: (r.outcome, r.reason) for r in result.results}

    assert found.pop("contract.construct") == (Outcome.FAILED, None)
    assert set(found.values()) == {(Outcome.SKIPPED, "needs contract.construct")}
    assert "RuntimeError: no weights" in result.results[0].finding.what


def test_an_initialize_that_raises_fails_initialize_and_the_rest_needs_it():
    result = results_of(plan_for(Uninitialisable, suites=(CONTRACT, SUITE)))
    found = {r.id: (r.outcome, r.reason) for r in result.results}

    assert found.pop("contract.construct") == (Outcome.PASSED, None)
    assert found.pop("contract.initialize") == (Outcome.FAILED, None)
    assert set(found.values()) == {(Outcome.SKIPPED, "needs contract.initialize")}


def test_a_layer_that_cannot_be_run_does_not_stop_the_others():
    plan = plan_for(Double(), Double())
    broken = replace(plan.targets[0], layouts=())
    events = list(run(replace(plan, targets=(broken, plan.targets[1]))))
    layers = [event.result for event in events if isinstance(event, LayerFinished)]

    assert "0 layouts were given" in layers[0].problem
    assert len(layers[1].results) == 9
    assert not events[-1].result.ok


def test_a_single_layer_that_cannot_be_run_is_an_error():
    plan = plan_for(Double())
    with pytest.raises(UsageError, match="0 layouts were given"):
        list(run(replace(plan, targets=(replace(plan.targets[0], layouts=()),))))


def test_a_layout_that_does_not_fit_the_memory_is_refused_with_the_estimate():
    plan = plan_for(Double())
    large = ((None, Layout.parse("BC:1000000,1000000")),)
    with pytest.raises(UsageError, match=r"BC:1000000,1000000 is too large .* needs about [\d,]+"):
        list(run(replace(plan, targets=(replace(plan.targets[0], layouts=large),))))


def test_evaluations_are_charged_to_the_first_result_that_needed_them():
    def runs(case):
        case.base()

    checks = (Check("first", runs), Check("second", runs))
    result = results_of(plan_for(Double(), suites=(Suite("s", "", checks),)))

    assert [r.evaluations.forward for r in result.results] == [1, 0]
    assert result.layers[0].evaluations.forward == 1


def test_events_come_while_the_run_goes_on():
    events = run(plan_for(Double()))
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, CheckFinished):
            break

    assert not any(isinstance(event, RunFinished) for event in seen)
    assert np.isfinite(seen[-1].result.elapsed_s)
