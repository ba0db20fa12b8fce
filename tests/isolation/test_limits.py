from __future__ import annotations

import mmap
import os

import numpy as np
import pytest

from layercheck import memory
from layercheck.errors import UsageError
from layercheck.isolation.limits import Limits, parse_seconds
from layercheck.isolation.values import decode, encode

SIZES = {"1": 1, "512M": 512 * 2**20, "4G": 4 * 2**30, "1.5k": 1536, "2 GiB": 2**31, "1TB": 2**40}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_a_size_is_bytes_or_has_a_unit(text, size):
    assert memory.parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "G", "4X", "nan", "4 4", "1e9", "0.0001"])
def test_what_is_no_size_is_an_error(text):
    with pytest.raises(UsageError, match=r"--memory .* is no size"):
        memory.parse_memory(text)


def test_memory_that_cannot_be_read_is_an_error(monkeypatch):
    monkeypatch.setattr(memory, "resident_memory", lambda pid="self": None)
    with pytest.raises(UsageError, match="does not tell how much memory a process uses"):
        memory.parse_memory("4G")


def test_a_process_holds_what_it_writes_to():
    before = memory.resident_memory(os.getpid())
    with mmap.mmap(-1, 2**26) as held:  # an array could lie in memory that was freed and kept
        held.write(b"\1" * 2**26)

        assert memory.resident_memory() - before > 0.9 * 2**26
    assert memory.address_space() > memory.resident_memory() > 0
    assert memory.free_memory() > 0


def test_a_limit_of_the_container_counts(tmp_path):
    (tmp_path / "max").write_text("1000\n")
    (tmp_path / "current").write_text("400\n")
    files = (str(tmp_path / "max"), str(tmp_path / "current"))

    assert memory._free_in(files) == 600
    (tmp_path / "max").write_text("max\n")
    assert memory._free_in(files) is None


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "inf", "nan"])
def test_what_is_no_time_is_an_error(text):
    with pytest.raises(UsageError, match=r"--timeout .* is no time\. Write seconds above 0"):
        parse_seconds(text, "--timeout")


def test_without_options_a_call_has_a_minute_and_the_run_any_time():
    assert Limits.parse(None, None, None) == Limits(60.0, None, None)


VALUES = [
    None,
    True,
    3,
    0.1,
    float("inf"),
    "text",
    1 + 2j,
    (1, [2, "x"]),
    {"a": {"b": (1,)}},
    np.arange(6.0).reshape(2, 3).T,
    np.float32(0.1),
    np.array(["a", "bc"]),
    np.array([1 + 1j, np.nan]),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was_sent(value):
    got = decode(encode(value, "init"))

    assert type(got) is type(value)
    np.testing.assert_equal(got, value)


@pytest.mark.parametrize(
    "value",
    [print, object(), {1, 2}, {1: 2}, np.array([{}]), b"x"],
    ids=["function", "object", "set", "number as key", "array of objects", "bytes"],
)
def test_a_value_that_only_this_process_knows_is_an_error(value):
    with pytest.raises(UsageError, match=r"init\['f'\] is of type .* handed to another process"):
        encode({"f": value}, "init")
