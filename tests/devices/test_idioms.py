"""The rehearsal answers each idiom as CuPy does."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from layercheck.devices import table
from layercheck.devices.cupy_module import make_module
from tests.gpu.idioms import IDIOMS, OF_NUMPY_2, answer

RECORD = json.loads((Path(__file__).parents[1] / "gpu" / "answers.json").read_text("utf-8"))


@pytest.mark.parametrize("code", IDIOMS)
def test_the_rehearsal_answers_as_cupy_does(code, monkeypatch):
    if code in OF_NUMPY_2 and np.__version__.startswith("1."):
        pytest.skip("NumPy 2 alone hands device=None on")
    expected, origin = RECORD["answers"][code]
    cupy = make_module("cupy")
    monkeypatch.setitem(sys.modules, "cupy", cupy)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        actual, error = answer(code, cupy, np)
    assert actual == expected, f"{origin}: {expected}; the rehearsal: {error!r}"


def test_there_are_enough_idioms_and_an_answer_to_each():
    assert len(IDIOMS) >= 60
    assert set(IDIOMS) == set(RECORD["answers"])


def test_the_answers_are_those_of_the_version_in_the_table():
    assert RECORD["cupy"] == table.version()


def test_answers_from_documentation_are_marked_where_no_device_gave_them():
    origins = {origin for _, origin in RECORD["answers"].values()}

    on_device = {"CuPy on a device"}
    assert origins == on_device or (RECORD["device"] is None and not origins & on_device)
