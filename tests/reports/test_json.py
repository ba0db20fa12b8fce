from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import layercheck
from layercheck.outcome import Finding, LayerResult, Worst
from layercheck.reports.json import render

SCHEMA = json.loads(
    (Path(layercheck.__file__).parent / "reports" / "schema.json").read_text(encoding="utf-8")
)


def closed(schema):
    """The schema without room for members that it does not name."""
    schema = copy.deepcopy(schema)
    for part in walk(schema):
        if "properties" in part:
            part["additionalProperties"] = False
    return schema


def walk(node):
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, (dict, list)):
            yield from walk(child)


def validate(text):
    data = json.loads(text)
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(data)
    return data


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("run", ["passing", "failing"])
def test_json_of_a_run_is_valid(run, request):
    result = request.getfixturevalue(run)
    data = validate(render(result))

    assert data["summary"]["passed"] == result.summary.passed
    assert [one["id"] for one in data["layers"][0]["results"]] == [one.id for one in result.results]


def test_json_of_a_layer_that_cannot_be_loaded_is_valid(passing):
    broken = LayerResult("layers/", "", problem="There is no file 'a.py'.")
    data = validate(render(replace(passing, layers=(broken,), interrupted=True)))

    assert data["layers"][0]["problem"] == "There is no file 'a.py'."
    assert data["interrupted"] is True


def test_json_shows_a_finding_whole(failing):
    data = validate(render(failing))
    (wrong,) = [one for one in data["layers"][0]["results"] if one["finding"]]

    assert next(iter(wrong)) == "id"
    assert wrong["finding"]["cause"] == {
        "id": "mean-instead-of-sum",
        "text": "analytic / numeric = 1/8 at every element, and B is 8: backward() averages over "
        "the batch where it should sum.",
        "evidence": {"ratio": 0.125, "labels": ["B"]},
    }
    assert wrong["finding"]["source"] == {
        "file": "examples/prelu.py",
        "line": 41,
        "function": "PReLU.backward",
    }


def test_json_writes_numbers_that_json_lacks_as_strings_and_pairs(failing, wrong_alpha):
    worst = Worst((0,), complex(1, float("nan")), float("-inf"), float("inf"), 0.0)
    result = replace(wrong_alpha, finding=Finding("wrong", worst=worst))
    layer = replace(failing.layers[0], results=(result,))
    data = validate(render(replace(failing, layers=(layer,))))

    assert data["layers"][0]["results"][0]["finding"]["worst"] == {
        "index": [0],
        "analytic": [1.0, "nan"],
        "numeric": "-inf",
        "error": "inf",
        "tolerance": 0.0,
    }


def test_json_is_plain_ascii(passing):
    layer = replace(passing.layers[0], name="Schicht_\u00fc\udcff\x1b[31m")
    text = render(replace(passing, layers=(layer,)))

    assert text.isascii()
    assert json.loads(text)["layers"][0]["name"] == layer.name
