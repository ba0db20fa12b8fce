"""What the parent and a worker say to each other: one JSON object a line, and no pickles."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

from layercheck.events import LayerStarted
from layercheck.outcome import LayerResult, Question, Result

LONGEST = 64 * 2**20
Texts = tuple[str, ...]


class ProtocolError(Exception):
    """A line is none that the other side can have written."""


@dataclass(frozen=True)
class Arguments:
    """The options of a run as they were typed; design section 5 says what each means."""

    target: Texts
    layout: Texts = ()
    init: Texts = ()
    call: Texts = ()
    learnable: Texts = ()
    declare: Texts = ()
    dtype: Texts = ("float64,float32",)
    device: Texts = ()
    gpu: bool = False
    range: Texts = ()
    integers: Texts = ()
    data: Texts = ()
    only: Texts = ()
    skip: Texts = ()
    expect_fail: Texts = ()
    budget: str = "64"
    thorough: bool = False
    seed: str = "0"
    timeout: str = "60"
    time_limit: str | None = None
    memory: str | None = None
    stop_on_first: bool = False


@dataclass(frozen=True)
class Task:
    """What a worker is to do: one layer, or what is left of it.

    Parameters
    ----------
    command : str
        The command that the report names.
    place : str
        The file or module, with the name of a layer or without.
    takes_all : bool
        Every layer of the place is wanted, and none is fine.
    arguments : Arguments or None
        The options as typed on the command line ...
    called : mapping
        ... or as given to `check_layer`, encoded.
    survey : bool
        Say which checks the layer has, and stop.
    settled : tuple of Question
        What was asked in earlier processes.
    raised : mapping, reason -> check id
        Exceptions that were reported already.
    refused : mapping, call -> reason
        Calls that are not made, because they ended earlier processes.
    broken : str or None
        Why the layer cannot even be built.
    memory : int or None
        The limit in bytes.
    path : tuple of str
        Folders that are importable beside the worker's own.
    environ : mapping
        Variables of the environment to be put back, None to be removed.
    """

    command: str
    place: str
    takes_all: bool = False
    arguments: Arguments | None = None
    called: Mapping[str, Any] = field(default_factory=dict)
    survey: bool = False
    settled: tuple[Question, ...] = ()
    raised: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    broken: str | None = None
    memory: int | None = None
    path: Texts = ()
    environ: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """The worker can run layers; `warnings` say which plugins it has to do without."""

    version: str
    environment: Mapping[str, str]
    warnings: Texts = ()


@dataclass(frozen=True)
class Found:
    """The place was imported; the first target is checked, the others need workers."""

    targets: Texts


@dataclass(frozen=True)
class Started:
    """The layer was built.

    Parameters
    ----------
    event : LayerStarted
    blank : LayerResult
        The layer without results.
    questions : tuple of Question
        All that is asked, settled or not.
    known : tuple of str
        The ids of all checks of the layer.
    runs : bool
        Whether it could be built.
    seed : int
    command : str
    expected : mapping, check id -> reason
    stop_on_first : bool
    """

    event: LayerStarted
    blank: LayerResult
    questions: tuple[Question, ...]
    known: Texts
    runs: bool
    seed: int
    command: str
    expected: Mapping[str, str] = field(default_factory=dict)
    stop_on_first: bool = False


@dataclass(frozen=True)
class Asked:
    """A check begins."""

    question: Question
    rerun: str | None = None


@dataclass(frozen=True)
class Answered:
    """A check has its result; `raised` is the exception that it reported."""

    result: Result
    raised: str | None = None


@dataclass(frozen=True)
class Noted:
    """Something to be said about the layer."""

    text: str


@dataclass(frozen=True)
class Refused:
    """It cannot be carried out; `fatal` where that holds for every layer of the run.

    `kind` is the name of the error.
    """

    message: str
    kind: str
    fatal: bool


@dataclass(frozen=True)
class Bug:
    """layercheck itself raised."""

    traceback: str


@dataclass(frozen=True)
class Done:
    """The worker has nothing more to say."""


Message = Task | Ready | Found | Started | Asked | Answered | Noted | Refused | Bug | Done
_SCALARS: dict[Any, Any] = {
    str: str,
    bool: bool,
    int: int,
    float: (int, float),
    complex: (int, float),
}
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in typing.get_args(Message)}


def to_line(message: Message) -> bytes:
    """Return a message as one line."""
    text = json.dumps([type(message).__name__, _plain(message)], separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def from_line(line: bytes) -> Message:
    """Return the message of a line; raises `ProtocolError`."""
    try:
        name, fields = json.loads(line)
        message: Message = _typed(_KINDS[name], fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProtocolError(line[:200].decode("ascii", "replace")) from error
    return message


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {each.name: _plain(getattr(value, each.name)) for each in fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _typed(kind: Any, value: Any) -> Any:
    """Return `value`, read from JSON, as the annotation `kind` says."""
    origin = typing.get_origin(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        (kind,) = [each for each in typing.get_args(kind) if each is not type(None)]
        return None if value is None else _typed(kind, value)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_typed(item, each) for each in _require(value, list))
    if origin is not None and issubclass(origin, Mapping):
        item = typing.get_args(kind)[1]
        return {key: _typed(item, each) for key, each in value.items()}
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        return kind(**{name: _typed(hints[name], each) for name, each in value.items()})  # type: ignore[operator]
    if kind is complex and isinstance(value, dict):
        return complex(*value["complex"])
    if issubclass(kind, Enum):
        return kind(value)
    return _require(value, _SCALARS[kind])


def _require(value: Any, kinds: Any) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(value)
    return value
