"""Text of the user's, made harmless for a terminal."""

from __future__ import annotations


def shown(text: str, encoding: str = "utf-8") -> str:
    r"""Return text of the user's so that it cannot move the cursor, colour or break a line.

    Control characters, line ends, invisible letters and what `encoding` lacks are escaped.

    Examples
    --------
    >>> shown("a\x1b[31mb\n")
    'a\\x1b[31mb\\n'
    """
    escaped = "".join(letter if letter.isprintable() else _escape(letter) for letter in text)
    return escaped.encode(encoding, "backslashreplace").decode(encoding)


def shown_lines(text: str, encoding: str = "utf-8") -> str:
    """Return text as `shown`, with its line ends kept."""
    return "\n".join(shown(line, encoding) for line in text.split("\n"))


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
