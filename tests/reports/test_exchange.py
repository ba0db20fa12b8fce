"""Reports for programs: JUnit, GitHub, Markdown and HTML, read by what reads them."""

from __future__ import annotations

import html.parser
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

import layercheck
from layercheck.outcome import Comparison, Finding, LayerResult, Outcome, Result, RunResult, Source
from layercheck.reports import github, junit, markdown
from layercheck.reports import html as page
from layercheck.reports.pictures import pictures

NASTY = "<script>alert('1')</script> ]]> \x00\x1b[31m %0A ::error:: | `x` ```"
VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture
def nasty(failing):
    """A run whose names and messages are as bad as can be."""
    finding = Finding(NASTY, where=NASTY, source=Source("a b,c:d%.py", 3), rerun=f"{NASTY}\n")
    results = (
        Result("s", "wrong", Outcome.FAILED, case=NASTY, finding=finding),
        Result("s", "stuck", Outcome.INCOMPLETE, dtype="float32", reason=NASTY),
        Result("s", "known", Outcome.EXPECTED_FAILURE, expectation=NASTY),
        Result("s", "none", Outcome.SKIPPED, reason=NASTY),
        Result("s", "holds", Outcome.PASSED),
    )
    layer = replace(failing.layers[0], name=NASTY, target=NASTY, results=results)
    unusable = LayerResult(NASTY, NASTY, problem=f"{NASTY}\nmore")
    return replace(failing, layers=(layer, unusable))


# JUnit


def test_junit_counts_what_it_holds(failing, nasty):
    for run in (failing, nasty):
        root = ET.fromstring(junit.render(run))
        cases = root.findall("./testsuite/testcase")
        for part in (root, *root.findall("testsuite")):
            inside = list(part.iter("testcase"))
            for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped",) * 2):
                assert int(part.get(count)) == sum(case.find(tag) is not None for case in inside)
            assert int(part.get("tests")) == len(inside)
        assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)


def test_junit_tells_a_failure_with_its_place_and_block(failing):
    root = ET.fromstring(junit.render(failing))
    case = root.find(".//testcase[@name='gradients.learnable:alpha float64']")

    assert (case.get("file"), case.get("line")) == ("examples/prelu.py", "41")
    assert case.find("failure").get("type") == "mean-instead-of-sum"
    assert "rerun     layercheck examples/prelu.py::PReLU" in case.find("failure").text
    assert root.find(".//error").get("message") == "forward() needs more memory."


def test_junit_is_understood_by_junitparser(failing, tmp_path):
    junitparser = pytest.importorskip("junitparser")
    (tmp_path / "r.xml").write_text(junit.render(failing), encoding="utf-8")
    found = junitparser.JUnitXml.fromfile(str(tmp_path / "r.xml"))

    assert (found.tests, found.failures, found.errors) == (
        len(failing.results),
        failing.summary.failed,
        failing.summary.incomplete,
    )


# GitHub

COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^,:\n]*,?)*)::(.*)")


def annotations(text):
    """Workflow commands, read back as GitHub reads them."""

    def plain(value):
        for code, letter in (
            ("%3A", ":"),
            ("%2C", ","),
            ("%0D", "\r"),
            ("%0A", "\n"),
            ("%25", "%"),
        ):
            value = value.replace(code, letter)
        return value

    found = []
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        if match:
            fields = dict(part.split("=", 1) for part in match[2].split(","))
            found.append((match[1], {k: plain(v) for k, v in fields.items()}, plain(match[3])))
    return found


def test_github_annotates_the_line_that_is_wrong(failing, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    wrong, stuck = annotations(github.render(failing))

    assert wrong[0] == "error"
    assert wrong[1]["file"] == "examples/prelu.py"
    assert wrong[1]["line"] == "41"
    assert wrong[1]["title"] == "layercheck: PReLU gradients.learnable:alpha float64 failed"
    assert wrong[2].splitlines()[0].endswith("(mean-instead-of-sum)")
    assert stuck[1]["line"] == "12"


def test_github_paths_start_at_the_root_of_the_repository(failing, monkeypatch, tmp_path):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))

    assert annotations(github.render(failing))[0][1]["file"] == "sub/examples/prelu.py"


def test_github_commands_hold_whatever_a_layer_says(nasty, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    found = annotations(github.render(nasty))

    assert [each[0] for each in found] == ["error", "error", "notice", "error"]
    assert found[0][1]["file"] == "a b,c:d%.py"
    assert "::error::" in found[0][2]


def test_github_adds_the_job_summary_to_its_file(failing, monkeypatch, tmp_path):
    (tmp_path / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    github.render(failing)

    assert (tmp_path / "summary.md").read_text() == "before\n" + markdown.render(failing)


# Markdown


def test_markdown_has_a_table_and_every_finding(failing):
    text = markdown.render(failing)

    assert "| PReLU SSCB:5,5,20,8 | 12 | **1** | **1** | 1 | 0 |" in text
    assert "### Failed `gradients.learnable:alpha float64`" in text
    assert text.count("```") == 4
    assert failing.summary.line(failing.elapsed_s) in text


def test_markdown_escapes_what_a_layer_says(nasty):
    text = markdown.render(nasty)
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", text)

    assert "````text" in text
    assert not re.search(r"(?<!\\)<script", re.sub(r"`[^`\n]*`", "", outside))
    assert all(line.count("|") - line.count("\\|") == 7 for line in outside.splitlines()[2:4])


# HTML


class Strict(html.parser.HTMLParser):
    """Reads a page; every tag must be closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.links = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [v for k, v in attributes if k in ("src", "href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    reader = Strict()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_html_is_one_page_that_loads_nothing(failing):
    text = page.render(failing)
    found = read(text)

    assert found.links == []
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text


def test_html_has_the_summary_and_every_result(failing):
    words = "".join(read(page.render(failing)).text)

    assert failing.summary.line(failing.elapsed_s) in words
    for result in failing.results:
        assert result.id in words
    assert "Sum over the batch instead of taking its mean." in words


def test_html_shows_what_a_layer_says_as_text(nasty):
    found = read(page.render(nasty))

    assert "script" not in found.tags
    assert "<script>alert" in "".join(found.text)
    assert "\x1b" not in "".join(found.text)


class Averaged:
    learnables = ("w",)

    def __init__(self):
        self.w = np.ones(3)

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        dx = self.w * dz
        dx[0, 1] *= 2
        return dx, (x * dz).mean(axis=0)


@pytest.fixture(scope="module")
def report():
    return layercheck.check_layer(Averaged, "BC:4,3", only="gradients", dtypes="float64")


def test_a_small_gradient_is_compared_element_by_element(report):
    findings = {result.id: result.finding for result in report.failures}
    x = findings["gradients.input:x"].comparison
    w = findings["gradients.learnable:w"].comparison

    assert (x.layout, x.axes, x.shape) == ("BC:4,3", ("B", "C"), (4, 3))
    ratio = np.divide(x.analytic, x.numeric).reshape(4, 3)
    expected = np.ones((4, 3))
    expected[0, 1] = 2
    np.testing.assert_allclose(ratio, expected, rtol=1e-6)
    assert (w.axes, w.shape) == (("axis 0",), (3,))
    np.testing.assert_allclose(np.multiply(w.analytic, 4), w.numeric, rtol=1e-6)


def test_a_report_shows_itself_in_a_notebook_with_its_pictures(report):
    found = read(report._repr_html_())

    assert found.tags.count("svg") == 4
    assert "html" not in found.tags
    assert "numeric" in found.text


def test_a_heat_map_has_a_cell_for_each_element_and_marks_the_wrong_ones(report):
    finding = next(r.finding for r in report.failures if r.id == "gradients.input:x")
    (caption, svg), (_, scatter) = pictures(finding.comparison)
    opacities = re.findall(r'class="cell"[^>]* fill-opacity="([\d.]+)"', svg)

    assert "right is empty" in caption
    assert len(opacities) == 12
    assert [i for i, each in enumerate(opacities) if float(each) > 0] == [1]
    assert scatter.count('class="wrong"') == 1
    assert scatter.count('class="fine"') == 11


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.mark.corpus
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_the_page_without_complaint(report, nasty, tmp_path, width):
    for number, run in enumerate((report.run, nasty)):
        (tmp_path / f"{number}.html").write_text(page.render(run), encoding="utf-8")
        picture = tmp_path / f"{number}.png"
        done = subprocess.run(
            [
                *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--enable-logging=stderr", "--v=0", f"--window-size={width},2000"),
                *(f"--screenshot={picture}", f"file://{tmp_path}/{number}.html"),
            ],
            capture_output=True,
            text=True,
            timeout=600,
        )

        assert "CONSOLE" not in done.stderr
        assert picture.stat().st_size > 5_000


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 200), (2, 3, 4, 5)])
@pytest.mark.parametrize("odd", [1.0, np.nan, np.inf, 1j])
def test_pictures_of_any_shape_and_value_are_well_formed(shape, odd):
    size = int(np.prod(shape))
    analytic = (odd, *range(1, size))
    axes = tuple(f"axis {n}" for n in range(len(shape)))
    comparison = Comparison("BC:1,1", axes, shape, analytic, (0.0,) * size, (1e-9,) * size)
    for _, svg in pictures(comparison):
        ET.fromstring(svg)
        assert "nan" not in re.sub(r"<title>.*?</title>", "", svg)


def test_the_result_of_a_run_without_layers_can_be_told(failing):
    empty: RunResult = replace(failing, layers=())
    for module in (junit, markdown, github, page):
        assert module.render(empty)
