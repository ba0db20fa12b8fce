"""Commands that we print, quoted so that pasting them into a shell runs them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Command:
    """A layercheck command in parts.

    Parameters
    ----------
    targets : tuple of str
    options : mapping, option -> values
        As ``{"--layout": ("SSCB:5,5,20,8",)}``, printed in this order; a flag has the one
        value None.
    """

    targets: tuple[str, ...]
    options: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return command_line([*map(_as_path, self.targets), *self._options()])

    def _options(self) -> list[str]:
        found = []
        for option, values in self.options.items():
            for value in values:
                found += [option] if value is None else [option, value]
        return found

    def one_check(self, target: str, id: str, dtype: str | None) -> Command:
        """Return the command that runs one check of one target again."""
        replaced = {"--only": (id,)} | ({} if dtype is None else {"--dtype": (dtype,)})
        options = {key: replaced.pop(key, values) for key, values in self.options.items()}
        return Command((target,), options | replaced)


def _as_path(target: str) -> str:
    """Return a target that no parser takes for an option."""
    return f".{os.sep}{target}" if target.startswith("-") else target
