from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.text import Text

from layercheck.outcome import Finding, LayerResult, Outcome, Result, Verified, Worst
from layercheck.reports.reporter import Style
from layercheck.reports.terminal import render

EXPECTED = Path(__file__).parent / "expected"
CASES = [
    ("passing", Style(92), "passing_92.txt"),
    ("passing", Style(80), "passing_80.txt"),
    ("failing", Style(92), "failing_92.txt"),
    ("failing", Style(80), "failing_80.txt"),
    ("failing", Style(92, encoding="ascii"), "failing_ascii.txt"),
    ("failing", Style(92, verbosity=1), "failing_verbose.txt"),
    ("failing", Style(92, colour=True), "failing_coloured.txt"),
]


@pytest.mark.parametrize(("run", "style", "file"), CASES, ids=[case[2] for case in CASES])
def test_terminal_report_is_the_stored_text(run, style, file, request):
    text = render(request.getfixturevalue(run), style)

    assert text == (EXPECTED / file).read_text(encoding="utf-8")


def test_colour_changes_no_letter(failing):
    coloured = render(failing, Style(92, colour=True))

    assert Text.from_ansi(coloured).plain.rstrip("\n") == render(failing).rstrip("\n")


@pytest.mark.parametrize("width", [92, 80])
def test_only_commands_and_the_summary_are_longer_than_the_width(failing, passing, width):
    for run in (failing, passing):
        for line in render(run, Style(width, verbosity=1)).splitlines():
            pasted = line.startswith(("rerun", "Test Summary"))
            assert pasted or cell_len(line) <= width


def test_commands_are_on_one_line(failing, wrong_alpha):
    assert f"rerun     {wrong_alpha.finding.rerun}\n" in render(failing, Style(40))


def test_quiet_report_is_the_summary_line(failing):
    assert render(failing, Style(verbosity=-1)) == (
        "Test Summary: 12 Passed, 1 Failed, 1 Incomplete, 1 Skipped. Time elapsed: 0.31 seconds.\n"
    )


def with_results(run, *results, **fields):
    return replace(run, layers=(replace(run.layers[0], results=results, **fields),))


def test_strings_of_the_user_are_neither_markup_nor_escapes(passing):
    nasty = "\x1b[31m[bold]a[/bold]\r\n\x07\u202e[alpha]"
    escaped = r"\x1b[31m[bold]a[/bold]\r\n\x07\u202e[alpha]"
    results = (
        Result("contract", "one", Outcome.FAILED, finding=Finding(nasty, nasty, fix=nasty)),
        Result("state", "two", Outcome.SKIPPED, case=nasty, reason=nasty),
        Result("batch", "three", Outcome.EXPECTED_FAILURE, expectation=nasty),
    )
    text = render(with_results(passing, *results, name=nasty, notes=(nasty,)), Style(200))

    assert text.count(escaped) == 7
    assert text.replace("\n", "").isprintable()


def test_what_the_encoding_lacks_is_escaped(passing):
    text = render(with_results(passing, name="Fläche"), Style(encoding="ascii"))

    assert "Fl\\xe4che" in text
    assert text.isascii()


def test_equal_reasons_of_skips_are_one_group(passing):
    results = [
        Result("batch", name, Outcome.SKIPPED, reason=reason)
        for name, reason in [("a", "no B"), ("b", "mixes"), ("c", "no B")]
    ]

    assert (
        "batch        sss           2 skipped: no B\n                           1 skipped: mixes\n"
    ) in render(with_results(passing, *results))


def test_expected_failures_are_named_with_their_reason(passing):
    results = [
        Result("batch", "a", Outcome.EXPECTED_FAILURE, dtype=dtype, expectation="known")
        for dtype in ("float64", "float32")
    ]
    text = render(with_results(passing, *results))

    assert "batch        xx            2 expected failures: a (known)\n" in text
    assert "0 Skipped, 2 Expected failures. Time" in text
    assert "Failed batch" not in text


def finding_of(dtype, what="forward() returns float64."):
    finding = Finding(what, rerun=f"layercheck a.py --dtype {dtype}")
    return Result("dtypes", "outputs", Outcome.FAILED, dtype=dtype, finding=finding)


def test_a_finding_of_both_dtypes_is_one_block(passing):
    text = render(with_results(passing, finding_of("float64"), finding_of("float32")))

    assert text.count("Failed dtypes.outputs ─") == 1
    assert "--dtype float64\n" in text


def test_different_findings_of_two_dtypes_name_the_dtype(passing):
    results = finding_of("float64"), finding_of("float32", "forward() returns float16.")
    text = render(with_results(passing, *results))

    assert "Failed dtypes.outputs float64 ─" in text
    assert "Failed dtypes.outputs float32 ─" in text


def test_checks_that_are_incomplete_for_one_reason_are_one_block(passing):
    crash = Result("a", "first", Outcome.INCOMPLETE, reason="It crashed.", rerun="again first")
    layer = LayerResult(
        "x.py::X",
        "X",
        results=(
            replace(crash, notes=("it last printed: \x1b[2J[bold]",)),
            replace(crash, check="second", rerun="again second"),
            replace(crash, check="third", reason="It hung."),
        ),
    )
    text = render(replace(passing, layers=(layer,)))

    assert text.count("what      It crashed.") == 1
    assert "note      it last printed: \\x1b[2J[bold]\nalso      a.second\n" in text
    assert "rerun     again first\n" in text
    assert "again second" not in text
    assert "Incomplete a.third" in text


def test_many_results_go_on_below(passing):
    results = [Result("gradients", "learnable", Outcome.PASSED, case=str(i)) for i in range(40)]

    assert (
        "gradients    .................  40 passed\n"
        "             .................\n"
        "             ......\n"
    ) in render(with_results(passing, *results))


def test_a_layer_that_cannot_be_loaded_is_reported_beside_the_others(passing):
    broken = LayerResult(
        "a.py::B", "B", problem="a.py cannot be imported: line 3 raised X.\n    3 | x = y"
    )
    text = render(replace(passing, layers=(*passing.layers, broken)))

    assert "Not checked a.py::B ─" in text
    assert "a.py cannot be imported: line 3 raised X.\n    3 | x = y\n" in text
    assert "─\n1 of 2 layers could not be checked.\nTest Summary: 29 Passed" in text


def test_an_interrupted_run_says_so(passing):
    text = render(replace(passing, interrupted=True))

    assert "─\nInterrupted: this is what was done before Ctrl-C.\nTest Summary" in text


def test_values_that_are_no_differences_are_called_actual_and_expected(passing):
    worst = Worst((0,), 1.0, -0.5j, 1.0, 0.0)
    result = Result("batch", "a", Outcome.FAILED, finding=Finding("No.", worst=worst))

    assert (
        "how far   actual     1.000000e+00\n          expected  -0.000000e+00-5.000000e-01j\n"
    ) in render(with_results(passing, result))


@pytest.mark.parametrize(
    ("size", "probability", "clause"),
    [
        (2e-9, 0.99, "; any single error above 2.0e-09 of the tensor's rms"),
        (2e-9, 1.0, "; any single error above 2.0e-09 of the tensor's rms"),
        (0.0, 1.0, ""),
        (None, 0.99, ""),
        (float("inf"), 0.99, ""),
    ],
)
def test_the_error_that_would_have_been_found_is_told_where_there_is_one(
    passing, size, probability, clause
):
    part = Verified(7, 7, detectable_error=size, probability=probability)
    result = Result("gradients", "input", Outcome.PASSED, case="x", verified=part)
    text = render(with_results(passing, result), Style(200))
    chance = " (99 %)" if clause and probability < 1 else ""
    end = f"{clause} would have been found{chance}" if clause else ""

    assert f"7 of 7 gradient elements verified{end}\n" in text


def test_verified_elements_are_counted_by_dtype(passing):
    results = [
        Result("gradients", "input", Outcome.PASSED, case="x", dtype=dtype, verified=Verified(7, n))
        for dtype, n in (("float64", 7), ("float32", 5))
    ]
    text = render(with_results(passing, *results))

    assert "float64: 7 of 7 gradient elements verified\n" in text
    assert "float32: 5 of 7 gradient elements verified\n" in text
