from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from layercheck.commands import as_argument, command_line, quote


@pytest.mark.parametrize("plain", ["examples/prelu.py::PReLU", "SSCB:24,24,20,128", "w=400,10"])
def test_quote_leaves_what_a_shell_leaves(plain):
    assert quote(plain) == plain


@pytest.mark.parametrize(
    ("argument", "quoted"),
    [
        ("SSCB:5,5,20,?", "'SSCB:5,5,20,?'"),
        ("gradients.*", "'gradients.*'"),
        ("W=rng.normal(size=(20, 7))", "'W=rng.normal(size=(20, 7))'"),
        ("it's", """'it'"'"'s'"""),
        ("", "''"),
        ("a\nb\x1b'\\", r"$'a\x0ab\x1b\'\\'"),
    ],
)
def test_quote_writes_what_a_shell_would_read_otherwise(argument, quoted):
    assert quote(argument) == quoted


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash to read it back")
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=5))
@example(["\x7f\u202e", "$HOME", "`id`", "~", "a;b", "=x", "#", "!1"])
def test_a_shell_reads_back_what_was_quoted(arguments):
    words = command_line(arguments).removeprefix("layercheck")
    script = f"printf '%s\\0' -{words}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)

    assert done.stdout.decode().split("\0")[1:-1] == arguments


def test_a_command_is_one_printable_line():
    assert command_line(["a\r\n\x1b[31m", "b"]).isprintable()


def test_a_target_is_never_an_option():
    assert as_argument("-x.py") in ("./-x.py", ".\\-x.py")
    assert as_argument("x.py") == "x.py"
