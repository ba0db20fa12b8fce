from __future__ import annotations

import functools

import pytest

import layercheck
from layercheck.plugins import load_suites
from tests.corpus import BROKEN, CORRECT

SEEDS = 20
NAMED = {entry.name: entry for entry in (*CORRECT, *BROKEN)}
NOT_YET = {
    "gradients.autodiff": "needs a framework that differentiates NumPy layers",
    "gradients.second_order": "needs a framework that differentiates twice",
    "gradients.forward_mode": "needs a framework with forward mode",
}


def check(entry, seed=0):
    """Check a layer once for each seed, however many tests ask."""
    return _check(entry.name, seed)


@functools.cache
def _check(name, seed):
    entry = NAMED[name]
    return layercheck.check_layer(
        entry.layer, *entry.layouts, init=dict(entry.init), seed=seed, **entry.options
    )


def ids(report, outcome):
    return {result.id for result in report.results if result.outcome == outcome}


def complaints(report):
    """Everything that keeps a layer from being right, with its finding, for the message."""
    return [
        f"{result.id} {result.dtype} {result.outcome}: {result.finding or result.reason}"
        for result in report.results
        if result.outcome in ("failed", "incomplete")
    ]


def builtin_checks():
    suites, _ = load_suites()
    ours = [each for each in suites if each.name != "gpu" and each.framework is None]
    known = {name for suite in ours for name in suite.ids}
    return known - set(NOT_YET)


@pytest.mark.parametrize("entry", BROKEN, ids=str)
def test_a_layer_wrong_on_purpose_fails_these_checks_and_no_others(entry):
    report = check(entry)

    assert ids(report, "failed") == entry.fails, complaints(report)
    assert not ids(report, "incomplete"), complaints(report)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("entry", CORRECT, ids=str)
def test_a_correct_layer_passes(entry, seed):
    report = check(entry, seed=seed)

    assert report.ok, complaints(report)


@pytest.mark.corpus
@pytest.mark.parametrize("seed", range(2, SEEDS))
@pytest.mark.parametrize("entry", CORRECT, ids=str)
def test_a_correct_layer_passes_with_many_seeds(entry, seed):
    report = check(entry, seed=seed)

    assert report.ok, complaints(report)


@pytest.mark.corpus
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("entry", BROKEN, ids=str)
def test_a_layer_wrong_on_purpose_fails_the_same_checks_with_other_seeds(entry, seed):
    report = check(entry, seed=seed)

    assert ids(report, "failed") == entry.fails, complaints(report)


def test_every_check_is_tripped_by_a_layer():
    tripped = {name.partition(":")[0] for entry in BROKEN for name in entry.fails}

    assert builtin_checks() == tripped


def test_every_check_is_passed_by_a_correct_layer():
    passed = set()
    for entry in CORRECT:
        passed |= {name.partition(":")[0] for name in ids(check(entry), "passed")}
        if passed >= builtin_checks():
            return

    assert passed == builtin_checks()


def test_the_corpus_is_as_large_as_it_claims():
    assert len(CORRECT) >= 45
    assert len(BROKEN) >= 80
    assert len(NAMED) == len(CORRECT) + len(BROKEN)
