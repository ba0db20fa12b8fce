from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layercheck.events import LayerStarted
from layercheck.isolation.protocol import (
    Answered,
    Arguments,
    Asked,
    Done,
    ProtocolError,
    Started,
    Task,
    from_line,
    to_line,
)
from layercheck.outcome import (
    Cause,
    Finding,
    InputLayout,
    LayerResult,
    Outcome,
    Question,
    Result,
    Source,
    Verified,
    Worst,
)

SLOWLY = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
FINDING = Finding(
    "It is wrong.",
    where="x[0]",
    source=Source("layer.py", 3, "backward()"),
    details=("one", "two"),
    worst=Worst((0, 1), complex(1, math.inf), 0.1, math.nan, 1e-300),
    wrong=2,
    cause=Cause("sign-flipped", "It is.", {"ratio": -1.0, "of": ["a", None]}),
    other_causes=(Cause("other", "Or."),),
    fix="Mend it.",
)
RESULT = Result(
    "gradients",
    "input",
    Outcome.FAILED,
    case="x",
    dtype="float64",
    finding=FINDING,
    verified=Verified(4, 4, detectable_error=1e-9),
    notes=("a\ud800\n\x1b[31m",),
)
EVENT = LayerStarted(
    "a.py::A", "A", None, None, Source(), (InputLayout("x", "BC", (4, None)),), (), "cpu", 1
)
MESSAGES = [
    Task("layercheck a.py", "a.py", arguments=Arguments(("a.py",), layout=("BC:4,3",))),
    Task("", "a.py", settled=(Question("s", "c", None, "float32"),), refused={"f()": "why"}),
    Started(EVENT, LayerResult("a.py::A", "A"), (Question("s", "c"),), ("s.c",), True, 0, ""),
    Asked(Question("s", "c", "x", "float64"), "again"),
    Answered(RESULT, "why"),
    Done(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was_sent(message):
    line = to_line(message)

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert repr(from_line(line)) == repr(message)


def test_values_of_numpy_come_back_as_the_numbers_they_are():
    worst = Worst((np.int64(3),), np.float32(0.5), np.complex128(1j), np.float64(2), 0.0)
    sent = Answered(Result("s", "c", Outcome.FAILED, finding=Finding("x", worst=worst)))
    got = from_line(to_line(sent)).result.finding.worst

    assert (got.index, got.analytic, got.numeric, got.error) == ((3,), 0.5, 1j, 2.0)


def test_a_report_is_the_same_after_the_way_through_a_pipe():
    run = LayerResult("a.py::A", "A", results=(RESULT,))
    got = LayerResult("a.py::A", "A", results=(from_line(to_line(Answered(RESULT))).result,))

    def text(layer):
        from layercheck.outcome import RunResult

        return json.dumps(RunResult("1", "", 0, {}, (layer,)).to_json())

    assert text(got) == text(run)


@SLOWLY
@given(st.binary() | st.text().map(str.encode))
def test_what_is_no_message_is_an_error_of_the_protocol(line):
    with pytest.raises(ProtocolError):
        from_line(line)


@SLOWLY
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_that_is_no_message_is_an_error_of_the_protocol(value):
    line = json.dumps(["Answered", value]).encode()
    with pytest.raises(ProtocolError):
        from_line(line)
