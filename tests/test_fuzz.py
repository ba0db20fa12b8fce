"""Whatever is typed, whatever a data file holds: a report or one message, never our traceback."""

from __future__ import annotations

import importlib
import io
import string
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from layercheck.cli import main

LAYER = """
import numpy as np


class Scale:
    learnables = ("w",)

    def __init__(self, w=1.0, units=3):
        self.w = np.full(3, w)

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        return self.w * dz, (x * dz).sum(axis=0)
"""
FEW, MANY = 8, 300
QUICK = ["--only", "contract.construct,shapes"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
WORDS = st.one_of(TEXT, st.text(string.printable, max_size=12), st.from_regex(r"[\w.:,=?*-]{0,9}"))
SIZES = st.lists(st.one_of(st.integers(-2, 9), st.integers(), st.just("?"), TEXT), max_size=5)
FORMATS = st.one_of(st.text("SCBTU", max_size=5), TEXT)
KEYS = (
    "convention gradient.w learnable state reset train result output mixes "
    "learnable_gradients backend gradient."
)


@st.composite
def layouts(draw):
    if draw(st.booleans()):  # one that Scale takes, most of the time
        axes = draw(st.lists(st.sampled_from("SSTU"), max_size=2))
        sizes = [*draw(st.lists(st.integers(0, 4), min_size=len(axes), max_size=len(axes)))]
        return f"{''.join(axes)}BC:{','.join(map(str, [*sizes, draw(st.integers(0, 4)), 3]))}"
    sizes = ",".join(map(str, draw(SIZES)))
    name = draw(st.sampled_from(["", "", "x=", "y=", "="]))
    return f"{name}{draw(FORMATS)}:{sizes}"


def option(name, values):
    return st.tuples(st.just(name), values).map(list)


DECLARATIONS = st.one_of(
    WORDS,
    st.tuples(
        st.sampled_from(KEYS.split()),
        st.one_of(WORDS, st.sampled_from(["w", "native", "stateful", "B", "B!", "mean", "BC"])),
    ).map("=".join),
)
FITTING = st.sampled_from(
    [
        *(["--layout", "x=BC:5,3"], ["--layout", "SBC:?,2,3"], ["--declare", "learnable=w"]),
        *(["--declare", "convention=native"], ["--dtype", "float32"], ["--range", "0:1"]),
        *(["--init", "w=2.5"], ["--budget", "8"], ["--seed", "7"], ["--expect-fail", "shapes"]),
        *(["--skip", "purity"], ["--report", "json"], ["-v"], ["-q"], ["--only", "gradients"]),
    ]
)
OPTIONS = st.one_of(
    option("--layout", st.one_of(layouts(), WORDS)),
    option("--declare", DECLARATIONS),
    option("--init", st.sampled_from(["w=2", "units=3", "w=", "=", "w=np.nan", "w=x", "q=1"])),
    option("--call", WORDS),
    option("--learnable", WORDS),
    option("--dtype", st.one_of(WORDS, st.sampled_from(["float32", "float16", "float64,"]))),
    option("--device", WORDS),
    option("--range", st.one_of(WORDS, st.sampled_from(["0:1", "x=-1:1", "nan:1", "1:1e400"]))),
    option("--integers", st.one_of(WORDS, st.sampled_from(["0:3", "x=0:2", "0:99999999999"]))),
    option("--data", WORDS),
    option("--only", WORDS),
    option("--skip", WORDS),
    option("--expect-fail", WORDS),
    option("--budget", st.one_of(WORDS, st.integers().map(str))),
    option("--seed", st.one_of(WORDS, st.integers().map(str))),
    option("--timeout", WORDS),
    option("--time-limit", WORDS),
    option("--memory", WORDS),
    option("--report", st.sampled_from(["json", "terminal", "jsn", "json:", "json:no/x", ":"])),
    option("--explain", WORDS),
    st.sampled_from([["-v"], ["-q"], ["-x"], ["--gpu"], ["--list-checks"], ["--version"]]),
    WORDS.map(lambda word: [word]),
)

COMMANDS = st.one_of(
    st.lists(FITTING, max_size=5),
    st.lists(st.one_of(FITTING, FITTING, OPTIONS), max_size=4),
    st.lists(OPTIONS, max_size=4),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a layer; what is imported from it is forgotten afterwards."""
    (tmp_path / "scale.py").write_text(textwrap.dedent(LAYER))
    modules, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("layercheck_target"):
            del sys.modules[name]
    importlib.invalidate_caches()


def each(values, count, check):
    """Check `count` drawn values, the same in every run."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def one(value):
        check(value)

    one()


def require_no_traceback(arguments):
    done = CliRunner().invoke(main, ["--in-process", *arguments])

    assert done.exit_code in (0, 1, 2), (arguments, done.stderr)
    assert "Traceback" not in done.stderr, arguments
    assert done.exit_code != 2 or done.stderr.strip(), arguments


def check_command(options):
    given_layout = any(words[0] == "--layout" for words in options)
    words = [word for words in options for word in words]
    layout = [] if given_layout else ["--layout", "BC:4,3"]
    require_no_traceback(["scale.py", *layout, *QUICK, *words])


def check_layout(layout):
    require_no_traceback(["scale.py", "--layout", layout, *QUICK])


def check_declaration(declaration):
    require_no_traceback(["scale.py", "--layout", "BC:4,3", "--declare", declaration, *QUICK])


@st.composite
def data_files(draw):
    """Bytes of a ``.npz`` file, whole or damaged."""
    kinds = st.one_of(
        *(arrays.floating_dtypes(), arrays.integer_dtypes(), arrays.complex_number_dtypes()),
        *(arrays.boolean_dtypes(), arrays.unicode_string_dtypes(max_len=3)),
        *(arrays.datetime64_dtypes(), st.just(np.dtype(object))),
    )
    shapes = st.one_of(st.just((4, 3)), arrays.array_shapes(min_dims=0, min_side=0, max_side=4))
    names = st.sampled_from(["x", "x", "x", "y", "arr_0", "self", "a b", "x.npy", ""])
    held = draw(st.dictionaries(names, st.tuples(kinds, shapes), max_size=2))
    stream = io.BytesIO()
    np.savez(stream, **{name: np.zeros(shape, kind) for name, (kind, shape) in held.items()})
    data = bytearray(stream.getvalue())
    if draw(st.booleans()):
        return bytes(data)
    for place, value in draw(st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=3)):
        data[place % len(data)] = value
    return bytes(data[: draw(st.sampled_from([len(data), len(data), len(data) // 2]))])


def check_data(data):
    Path("x.npz").write_bytes(data)
    require_no_traceback(["scale.py", "--layout", "BC:4,3", "--data", "x.npz", *QUICK])


FUZZED = {
    "command lines": (COMMANDS, check_command),
    "layouts": (layouts(), check_layout),
    "declarations": (DECLARATIONS, check_declaration),
    "data files": (data_files(), check_data),
}


@pytest.mark.parametrize("what", FUZZED)
def test_a_few_of_whatever_is_given_show_no_traceback(folder, what):
    values, check = FUZZED[what]
    each(values, FEW, check)


@pytest.mark.corpus
@pytest.mark.parametrize("what", FUZZED)
def test_whatever_is_given_shows_no_traceback(folder, what):
    values, check = FUZZED[what]
    each(values, MANY, check)
