"""The report that CI servers read: JUnit XML, a suite for each layer, a case for each result."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from layercheck.outcome import LayerResult, Outcome, Result, RunResult
from layercheck.reports.escaping import shown
from layercheck.reports.reporter import PLAIN, Reporter, Style
from layercheck.reports.telling import block_of, full_name, headline, place_of, title_of


def render(result: RunResult, style: Style = PLAIN) -> str:
    """Return the run as JUnit XML."""
    suites = [_suite(layer, result) for layer in result.layers]
    counts = _counts(suites, result.elapsed_s)
    root = ET.Element("testsuites", {"name": "layercheck", **counts})
    root.extend(suites)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(layer: LayerResult, run: RunResult) -> ET.Element:
    cases = [_case(layer, result) for result in layer.results]
    if layer.problem is not None:
        cases = [_unusable(layer, layer.problem)]
    seconds = sum(result.elapsed_s for result in layer.results)
    suite = ET.Element("testsuite", {"name": title_of(layer), **_counts(cases, seconds)})
    properties = ET.SubElement(suite, "properties")
    for name, value in (("target", layer.target), ("seed", run.seed), ("version", run.version)):
        ET.SubElement(properties, "property", name=name, value=shown(str(value)))
    suite.extend(cases)
    return suite


def _counts(parts: Iterable[ET.Element], seconds: float) -> dict[str, str]:
    """Count the cases of a suite or of all suites."""
    cases = [case for part in parts for case in part.iter("testcase")]
    kinds = [child.tag for case in cases for child in case]
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {
        "tests": str(len(cases)),
        **{name: str(kinds.count(tag)) for name, tag in counted.items()},
        "time": f"{seconds:.3f}",
    }


def _case(layer: LayerResult, result: Result) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=shown(layer.target or layer.name),
        name=full_name(result),
        time=f"{result.elapsed_s:.3f}",
    )
    place = place_of(layer, result)
    if place.file and place.line:
        case.set("file", shown(place.file))
        case.set("line", str(place.line))
    if result.outcome is Outcome.FAILED:
        kind = result.finding.cause.id if result.finding and result.finding.cause else "failed"
        _add(case, "failure", kind, headline(result), block_of(result))
    elif result.outcome is Outcome.INCOMPLETE:
        _add(case, "error", "incomplete", headline(result), block_of(result))
    elif result.outcome is Outcome.SKIPPED:
        _add(case, "skipped", "skipped", headline(result), "")
    elif result.outcome is Outcome.EXPECTED_FAILURE:
        _add(case, "skipped", "expected failure", shown(result.expectation or ""), "")
    return case


def _unusable(layer: LayerResult, problem: str) -> ET.Element:
    name = shown(layer.target) or "layer"
    case = ET.Element("testcase", classname=name, name="load", time="0.000")
    _add(case, "error", "not checked", shown(problem), "")
    return case


def _add(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    element = ET.SubElement(case, tag, type=kind, message=message)
    if text:
        element.text = text


reporter = Reporter("junit", render)
