"""Commands that we print, quoted so that pasting them into a shell runs them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

PROGRAM = "layercheck"


def quote(argument: str) -> str:
    r"""Return an argument as a POSIX shell reads it back.

    What a terminal would not show as it is (line ends, escapes, bytes that are no text) is
    written as ``$'\n'``, which bash, zsh and ksh understand.

    Examples
    --------
    >>> quote("SSCB:24,24,20,?")
    "'SSCB:24,24,20,?'"
    """
    if argument.isprintable():
        return shlex.quote(argument)
    return "$'" + "".join(_escape(letter) for letter in argument) + "'"


def _escape(letter: str) -> str:
    if letter in "\\'":
        return "\\" + letter
    if letter.isprintable():
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def command_line(arguments: Iterable[str]) -> str:
    """Return the command ``layercheck ARGUMENTS`` on one line."""
    return " ".join([PROGRAM, *(quote(argument) for argument in arguments)])


def as_argument(target: str) -> str:
    """Return a target such that no parser takes it for an option."""
    return f".{os.sep}{target}" if target.startswith("-") else target
