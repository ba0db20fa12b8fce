"""The keys of the configuration and what each may hold; `schema.json` says the same to editors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from layercheck.errors import UsageError, nearest

KINDS = {
    "text": "text, as in {key} = {example}",
    "texts": "text or a list of texts, as in {key} = {example}",
    "layouts": "one text for each input, or a list of such lists, as in {key} = {example}",
    "table": "a table, as in {key} = {example}",
    "number": "a number above 0, as in {key} = {example}",
    "whole": "a whole number from 0 on, as in {key} = {example}",
    "flag": "true or false",
    "interval": "two numbers, or a table of them by input, as in {key} = {example}",
    "files": "a path, or a table of them by input, as in {key} = {example}",
    "size": "bytes as a whole number or text, as in {key} = {example}",
    "jobs": "a whole number from 1 on, or text, as in {key} = {example}",
}
# key: (kind, example); what a layer may say, and [tool.layercheck] as its default
SHARED = {
    "layouts": ("layouts", '"SSCB:24,24,20,128"'),
    "init": ("table", '{channels = 20, W = {expr = "rng.normal(size=(20, 7))"}}'),
    "call": ("table", "{training = true}"),
    "learnable": ("table", "{w = [400, 10]}"),
    "declare": ("table", '{mixes = "B"}'),
    "dtypes": ("texts", '["float64", "float32"]'),
    "range": ("interval", "[-2, 2]"),
    "integers": ("interval", "[0, 10]"),
    "only": ("texts", '["gradients", "batch"]'),
    "skip": ("texts", '["gpu"]'),
    "expected_failures": ("table", '{"gradients.learnable:alpha" = "averaged on purpose"}'),
    "seed": ("whole", "0"),
    "budget": ("whole", "64"),
    "thorough": ("flag", "true"),
    "gpu": ("flag", "true"),
}
LAYER = {
    "target": ("text", '"path/to/layer.py::NAME"'),
    "name": ("text", '"prelu"'),
    "data": ("files", '"inputs.npz"'),
    **SHARED,
}
RUN = {
    "timeout": ("number", "60"),
    "time_limit": ("number", "600"),
    "memory": ("size", '"4G"'),
    "jobs": ("jobs", '"auto"'),
    "baseline": ("text", '"layercheck-baseline.json"'),
}
TOOL = {**SHARED, **RUN}


def require_keys(
    table: Mapping[str, Any], keys: Mapping[str, tuple[str, str]], where: str, extra: Any = ()
) -> None:
    """Raise `UsageError` for a key that is not known, or a value that is none of its kind."""
    for key, value in table.items():
        if key in extra:
            continue
        if key not in keys:
            raise UsageError(_unknown(key, (*keys, *extra), where))
        kind, example = keys[key]
        if not _CHECKS[kind](value):
            wanted = KINDS[kind].format(key=key, example=example)
            raise UsageError(f"{where}: {key} is {value!r}. Write {wanted}.")


def _unknown(key: str, known: Collection[str], where: str) -> str:
    elsewhere = ""
    if key in RUN:
        elsewhere = " It belongs to [tool.layercheck]: it holds for the whole run."
    elif key in LAYER:
        elsewhere = " It belongs to a table [[tool.layercheck.layers]]."
    guess = elsewhere or nearest(key, known)
    return f"{where}: there is no key {key!r}.{guess} The keys are {', '.join(sorted(known))}."


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def _are_layouts(value: Any) -> bool:
    if _are_texts(value):
        return bool(value)
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, list) and each and _are_texts(each) for each in value)
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "texts": _are_texts,
    "layouts": _are_layouts,
    "table": lambda value: isinstance(value, dict),
    "number": lambda value: _is_number(value) and value > 0,
    "whole": _is_whole,
    "flag": lambda value: isinstance(value, bool),
    "interval": lambda value: (
        _is_pair(value) or (isinstance(value, dict) and all(map(_is_pair, value.values())))
    ),
    "files": lambda value: (
        isinstance(value, str)
        or (isinstance(value, dict) and all(isinstance(each, str) for each in value.values()))
    ),
    "size": lambda value: isinstance(value, str) or _is_whole(value),
    "jobs": lambda value: isinstance(value, str) or (_is_whole(value) and value > 0),
}
