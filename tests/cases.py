"""Cases of small layers, for the tests of suites."""

from __future__ import annotations

import pytest

from layercheck.case import Case, Options
from layercheck.conventions import adapt
from layercheck.conventions.request import Request
from layercheck.layout import parse_layout_option
from layercheck.verdict import Failed, Skipped


def make_case(layer, *layouts, dtype="float64", seed=0, declared=None, call=None, **options):
    """Return the case of a layer object at layouts such as "BC:4,6" or "x=BC:4,6"."""
    request = Request(
        layer() if isinstance(layer, type) else layer,
        layer.__name__ if isinstance(layer, type) else type(layer).__name__,
        layouts=tuple(parse_layout_option(text) for text in layouts),
        declared=declared or {},
        call=call or {},
    )
    return Case(adapt(request), dtype, seed, Options(**options))


def finding_of(check, case, *name):
    """Return the finding of a check that must fail."""
    with pytest.raises(Failed) as caught:
        check(case, *name)
    return caught.value.finding


def reason_of(check, case, *name):
    """Return the reason of a check that must be skipped."""
    with pytest.raises(Skipped) as caught:
        check(case, *name)
    return str(caught.value)


def answer_of(check, case, *name):
    """Return None where a check passes, and its reason where it is skipped."""
    try:
        check(case, *name)
    except Skipped as skipped:
        return str(skipped)
    return None
