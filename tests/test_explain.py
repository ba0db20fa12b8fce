from __future__ import annotations

import pytest

from layercheck.errors import UsageError
from layercheck.explain import explain, list_checks
from layercheck.suite import Check, Suite


def holds(case):
    """``f(x)`` holds, and `x` is a name that makes this first line rather long indeed.

    A paragraph that is filled
    again.

        code = stays

    - so does
    - a list
    """


def alone(case, name):
    """It holds alone."""


SUITES = (
    Suite("first", "What comes first.", (Check("holds", holds), Check("alone", alone))),
    Suite(
        "second", "Then this.", (Check("each", alone, dtypes="all", cases=lambda subject: ("a",)),)
    ),
)


def test_list_checks_names_every_suite_and_check():
    assert list_checks(SUITES, 60) == (
        "first\n"
        "  What comes first.\n"
        "  holds  f(x) holds, and x is a name that makes this first\n"
        "         line rather long indeed.\n"
        "  alone  It holds alone.\n"
        "\n"
        "second\n"
        "  Then this.\n"
        "  each   It holds alone.\n"
        "\n"
        "layercheck --explain SUITE.CHECK prints the page of a check.\n"
    )


def test_explain_prints_the_page_of_a_check():
    assert explain("first.holds", SUITES, 60) == (
        "first.holds\n"
        "\n"
        "f(x) holds, and x is a name that makes this first line\n"
        "rather long indeed.\n"
        "\n"
        "A paragraph that is filled again.\n"
        "\n"
        "    code = stays\n"
        "\n"
        "- so does\n"
        "- a list\n"
        "\n"
        "It runs in the first dtype of the run.\n"
    )


@pytest.mark.parametrize("id", ["second.each", "second.each:a"])
def test_explain_takes_an_id_with_its_case(id):
    assert explain(id, SUITES, 60).startswith("second.each:NAME\n\nIt holds alone.\n")


def test_explain_of_a_suite_lists_its_checks():
    text = explain("second", SUITES, 60)

    assert text.startswith("second\n  Then this.\n")
    assert "first" not in text


@pytest.mark.parametrize(
    ("id", "guess"), [("first.hold", "first.holds"), ("secnod", "second"), ("zzz", None)]
)
def test_explain_suggests_the_nearest_id(id, guess):
    with pytest.raises(UsageError) as caught:
        explain(id, SUITES, 60)

    assert f"There is no check {id!r} to explain." in str(caught.value)
    assert guess is None or f"Did you mean {guess!r}?" in str(caught.value)
