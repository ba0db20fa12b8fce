"""What a run tells while it goes on: the runner yields these, reports listen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layercheck.outcome import InputLayout, LayerResult, Result, RunResult, Source


@dataclass(frozen=True)
class RunStarted:
    """A run began."""

    version: str
    environment: Mapping[str, str]
    seed: int
    layers: int


@dataclass(frozen=True)
class LayerStarted:
    """The checks of a layer begin."""

    target: str
    name: str
    framework: str | None
    convention: str | None
    source: Source
    layouts: tuple[InputLayout, ...]
    dtypes: tuple[str, ...]
    device: str
    checks: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckStarted:
    """A check begins, in one dtype."""

    id: str
    dtype: str | None


@dataclass(frozen=True)
class CheckFinished:
    """A check has its outcome."""

    result: Result


@dataclass(frozen=True)
class LayerFinished:
    """A layer has all its results, or could not be loaded."""

    result: LayerResult


@dataclass(frozen=True)
class RunFinished:
    """The run is over: the last event, also after Ctrl-C."""

    result: RunResult


@dataclass(frozen=True)
class Warned:
    """Something is missing that does not stop the run, such as a plugin."""

    text: str


@dataclass(frozen=True)
class BugFound:
    """layercheck itself raised; the run goes on."""

    traceback: str


@dataclass(frozen=True)
class Progressed:
    """Several layers are checked at the same time: how many are done, and what runs."""

    done: int
    layers: int
    running: tuple[str, ...]


Event = (
    RunStarted
    | Progressed
    | LayerStarted
    | CheckStarted
    | CheckFinished
    | LayerFinished
    | RunFinished
    | Warned
    | BugFound
)
