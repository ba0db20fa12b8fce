from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("jax", "flax", "equinox")

from frameworks import jax_bugs  # noqa: E402

import layercheck  # noqa: E402

QUICK = ("keeps_history", "asks_whether_traced", "through_numpy", "power", "CountsInPython")


def failures(name):
    layouts, options, _ = jax_bugs.BUGS[name]
    jax_bugs.calls = 0
    jax_bugs.history.clear()
    report = layercheck.check_layer(getattr(jax_bugs, name), *layouts, **options)
    return {result.id for result in report.failures}


@pytest.mark.parametrize("name", QUICK)
def test_a_bug_fails_its_checks_and_no_others(name):
    assert failures(name) == jax_bugs.BUGS[name][2]


@pytest.mark.corpus
@pytest.mark.parametrize("name", [name for name in jax_bugs.BUGS if name not in QUICK])
def test_every_bug_fails_its_checks_and_no_others(name):
    assert failures(name) == jax_bugs.BUGS[name][2]


def test_every_bug_is_to_be_found():
    assert len(jax_bugs.BUGS) >= 30
    assert all(fails for _, _, fails in jax_bugs.BUGS.values())
