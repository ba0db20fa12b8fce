"""Values of the configuration as the texts that the command line takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layercheck.errors import UsageError

_NO_TEXTS = ("True", "False", "None", "np", "rng")
_EXPRESSION = {"expr"}
Texts = tuple[str, ...]


def assignments(table: Mapping[str, Any], where: str) -> Texts:
    """Return ``NAME=EXPR`` for each value; ``{expr = "..."}`` is an expression already."""
    return tuple(f"{name}={_assigned(value, f'{where}.{name}')}" for name, value in table.items())


def _assigned(value: Any, where: str) -> str:
    if isinstance(value, str) and value.isidentifier() and value not in _NO_TEXTS:
        return value
    text = _expression(value, where)
    return f"({text})" if text.isidentifier() and text not in _NO_TEXTS else text


def _expression(value: Any, where: str) -> str:
    """Return a TOML value as a Python expression."""
    if isinstance(value, dict):
        if set(value) == _EXPRESSION:
            return _given(value["expr"], where)
        items = (f"{key!r}: {_expression(each, f'{where}.{key}')}" for key, each in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_expression(each, where) for each in value)}]"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, (str, bool, int, float)):
        return repr(value)
    raise UsageError(
        f"{where} is a {type(value).__name__}, which no layer is given. Write a number, text, "
        'a list, a table, or {expr = "..."}.'
    )


def _given(text: Any, where: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"{where}.expr is {text!r}. Write a Python expression as text.")
    return text.strip()


def layout_sets(value: Any) -> tuple[Texts, ...]:
    """Return the sets of layouts: one text, one for each input, or several such lists."""
    if isinstance(value, str):
        return ((value,),)
    if all(isinstance(each, str) for each in value):
        return (tuple(value),)
    return tuple(tuple(each) for each in value)


def listed(value: Any) -> Texts:
    """Return a text or a list of texts."""
    return (value,) if isinstance(value, str) else tuple(value)


def sizes(table: Mapping[str, Any], where: str) -> Texts:
    """Return ``NAME=SIZES`` for each parameter to generate."""
    for name, value in table.items():
        if not (isinstance(value, list) and all(type(each) is int for each in value)):
            raise UsageError(
                f"{where}.{name} is {value!r}. Write its sizes, as in {name} = [400, 10], or "
                f"{name} = [] for a scalar."
            )
    return tuple(f"{name}={','.join(map(str, value))}" for name, value in table.items())


def declarations(table: Mapping[str, Any], where: str) -> Texts:
    """Return ``KEY=VALUE`` for each declaration; a list declares each of its values."""
    return tuple(
        f"{key}={'true' if value is True else 'false' if value is False else value}"
        for key, values in _flat(table, where).items()
        for value in (values if isinstance(values, list) else [values])
    )


def reasons(table: Mapping[str, Any], where: str) -> Texts:
    """Return ``ID=REASON`` for each expected failure."""
    found = _flat(table, where)
    for id, reason in found.items():
        if not (isinstance(reason, str) and reason.strip()):
            raise UsageError(
                f"{where}: {id!r} has the reason {reason!r}. Write why it is expected to fail."
            )
    return tuple(f"{id}={reason}" for id, reason in found.items())


def _flat(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Join keys that TOML took apart at their dots: ``gradient.W = "dW"``."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            inner = _flat(value, where)
            found.update({f"{key}.{name}": each for name, each in inner.items()})
        else:
            found[key] = value
    return found


def intervals(value: Any) -> Texts:
    """Return ``LOW:HIGH``, or ``NAME=LOW:HIGH`` for each input."""
    if isinstance(value, dict):
        return tuple(f"{name}={low}:{high}" for name, (low, high) in value.items())
    low, high = value
    return (f"{low}:{high}",)


def files(value: Any, folder: Path) -> Texts:
    """Return the path, or ``NAME=PATH`` for each input, seen from the working folder."""
    if isinstance(value, dict):
        return tuple(f"{name}={seen(path, folder)}" for name, path in value.items())
    return (seen(value, folder),)


def seen(path: str, folder: Path) -> str:
    """Return a path of `folder` as it is written in the working folder."""
    try:
        return str((folder / path).relative_to(Path.cwd()))
    except ValueError:
        return str(folder / path)
