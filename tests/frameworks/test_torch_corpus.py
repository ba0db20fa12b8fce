"""PyTorch layers that are wrong on purpose fail exactly what they should, right ones nothing."""

from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("torch")

from tests.frameworks.torch_bugs import BUGS  # noqa: E402
from tests.frameworks.torch_right import RIGHT  # noqa: E402

QUICK = (BUGS[0], BUGS[10], BUGS[16], BUGS[17], BUGS[27], RIGHT[3], RIGHT[9], RIGHT[14])


def require_verdict(entry):
    report, unsettled = entry.unsettled()

    assert unsettled == entry.fails, str(report)


@pytest.mark.parametrize("entry", QUICK, ids=str)
def test_a_layer_has_its_verdict(entry):
    require_verdict(entry)


@pytest.mark.corpus
@pytest.mark.parametrize("entry", BUGS, ids=str)
def test_a_bug_is_found(entry):
    require_verdict(entry)


@pytest.mark.corpus
@pytest.mark.parametrize("entry", RIGHT, ids=lambda entry: f"{entry} {' '.join(entry.layouts)}")
def test_a_correct_layer_fails_nothing(entry):
    require_verdict(entry)


def test_every_bug_fails_something_and_is_there_once():
    assert all(entry.fails for entry in BUGS)
    assert len(set(map(str, BUGS))) == len(BUGS) == 37
    assert not any(entry.fails for entry in RIGHT)
    assert len(RIGHT) == 34
