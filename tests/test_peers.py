"""Where other checkers are known to be wrong, layercheck is right."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import layercheck
from tests import corpus, gradient_corpus
from tests.cases import make_case
from tests.peers import right_layers, wrong_others, wrong_pointwise
from tests.peers.right_layers import Cosine, Iterated
from tests.peers.rows import FALSE_ALARMS, FALSE_PASSES, ROWS, SEEDED
from tests.peers.wrong_pointwise import Sine

UNSETTLED = ("failed", "incomplete")
ROOT = Path(__file__).parent.parent
SOURCES = (wrong_pointwise, wrong_others, right_layers)
QUICK = [entry for source in SOURCES for entry in source.QUICK]
LARGE = [entry for source in SOURCES for entry in source.LARGE]
NAMED = {
    "peers": [str(entry) for entry in (*QUICK, *LARGE)],
    "layers": [str(entry) for entry in (*corpus.CORRECT, *corpus.BROKEN)],
    "gradients": [str(entry) for entry in (*gradient_corpus.CORRECT, *gradient_corpus.BUGS)],
}
GRADIENT_BUGS = {bug.name: bug for bug in gradient_corpus.BUGS}
CITED_BUGS = sorted(
    {
        shown.partition(":")[2]
        for row in ROWS
        for shown in row.shown
        if shown.partition(":")[2] in GRADIENT_BUGS
    }
)


def require_verdict(entry):
    report = layercheck.check_layer(
        entry.layer, *entry.layouts, init=dict(entry.init), **entry.options
    )
    unsettled = {r.id: r.outcome.value for r in report.results if r.outcome.value in UNSETTLED}

    assert unsettled == dict.fromkeys(entry.fails, "failed"), str(report)


@pytest.mark.parametrize("entry", QUICK, ids=str)
def test_a_layer_that_others_judge_wrongly_is_judged_rightly(entry):
    require_verdict(entry)


@pytest.mark.corpus
@pytest.mark.parametrize("entry", LARGE, ids=str)
def test_a_layer_that_others_judge_wrongly_at_a_real_size_is_judged_rightly(entry):
    require_verdict(entry)


@pytest.mark.parametrize("name", CITED_BUGS)
def test_a_bug_of_the_gradient_corpus_that_a_row_names_is_found(name):
    bug = GRADIENT_BUGS[name]
    report = layercheck.check_layer(
        bug.make(), *bug.layouts, only=("gradients",), dtypes=("float64",), **bug.options
    )

    assert {result.id for result in report.failures} - bug.may == bug.wrong, str(report)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_is_shown_by_tests_that_exist_or_says_why_not(row):
    missing = [shown for shown in row.shown if not exists(shown)]

    assert not missing
    assert row.shown or row.later


def test_the_table_has_every_row():
    assert len(FALSE_PASSES) == 25
    assert len(FALSE_ALARMS) == 20
    assert len(SEEDED) == 29 + 7
    assert len(set(map(str, ROWS))) == len(ROWS)


def exists(shown):
    """Whether an entry of a corpus, or a test function, is there."""
    if "::" not in shown:
        kind, _, name = shown.partition(":")
        return NAMED[kind].count(name) == 1
    file, _, function = shown.partition("::")
    return function in functions(file)


@cache
def functions(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_upstream_gradients_have_both_signs_and_follow_the_seed():
    z = (np.zeros((5, 4)),)
    first, again, other = (
        make_case(Sine, "CB:5,4", seed=seed).upstream(z)[0] for seed in (0, 0, 1)
    )

    assert np.any(first > 0)
    assert np.any(first < 0)
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


def test_a_check_leaves_the_statistics_of_a_layer_alone():
    entry = next(e for e in corpus.CORRECT if e.name == "statistics.BatchNorm")
    layer = entry.layer(**entry.init)
    before = {name: np.copy(value) for name, value in vars(layer).items()}
    report = layercheck.check_layer(layer, *entry.layouts, **entry.options)

    assert report.ok
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(layer, name), value)


def test_no_option_sets_a_tolerance():
    from layercheck.cli import main

    arguments = inspect.signature(layercheck.check_layer).parameters
    options = [option for parameter in main.params for option in parameter.opts]

    assert not [name for name in (*arguments, *options) if "tol" in name or name.endswith("eps")]


def test_generated_inputs_are_finite():
    point = make_case(Sine, "SSCB:10,10,20,5").point()

    assert np.isfinite(point.inputs[0]).all()


def test_evaluations_do_not_grow_with_the_number_of_elements():
    def evaluations(layout):
        report = layercheck.check_layer(Sine(), layout, only=("gradients",), dtypes=("float64",))
        return report.run.layers[0].evaluations

    small, large = evaluations("CB:100,10"), evaluations("CB:100,1000")

    assert large.forward <= small.forward
    assert large.backward <= small.backward


def test_a_finding_states_both_values_and_the_tolerance():
    entry = next(e for e in QUICK if e.name == "1.3 times at 1,000")
    report = layercheck.check_layer(
        entry.layer, *entry.layouts, init=dict(entry.init), **entry.options
    )
    worst = report.failures[0].finding.worst

    assert worst.error == pytest.approx(abs(worst.analytic - worst.numeric))
    assert 0 < worst.tolerance < worst.error
    assert worst.analytic == pytest.approx(1.3 * worst.numeric)
    assert f"{worst.numeric:.6e}" in str(report)


@pytest.mark.parametrize("ends", [(-1e3, 1e3), (1e5, 1.1e5), (9e8, 1.1e9)])
@pytest.mark.parametrize("seed", range(3))
def test_a_cosine_far_out_is_not_accused(ends, seed):
    report = layercheck.check_layer(Cosine(), "CB:5,4", range=ends, dtypes=("float64",), seed=seed)

    assert not report.failures, str(report)


@pytest.mark.parametrize("seed", range(5))
def test_a_solver_that_stops_early_is_not_accused(seed):
    report = layercheck.check_layer(Iterated(), "CB:5,4", seed=seed)

    assert not report.failures, str(report)
