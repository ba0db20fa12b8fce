"""What a run says: plain frozen data, and its JSON form (schema ``layercheck/1``)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = "layercheck/1"


class Outcome(StrEnum):
    """The verdict of one check."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    SKIPPED = "skipped"
    EXPECTED_FAILURE = "expected failure"


@dataclass(frozen=True)
class Source:
    """A place in the user's code."""

    file: str | None = None
    line: int | None = None
    function: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ", ".join(part for part in (self.function, place) if part)


@dataclass(frozen=True)
class Worst:
    """The element that is furthest from right, in the units of its tensor."""

    index: tuple[int, ...]
    analytic: complex
    numeric: complex
    error: float
    tolerance: float


@dataclass(frozen=True)
class Cause:
    """Why a check failed: a stable id, and the sentence that states its evidence."""

    id: str
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A gradient beside the true one, element by element, where it is small enough to be shown.

    Parameters
    ----------
    layout : str
        The layouts of the inputs there.
    axes : tuple of str
        What each axis of the tensor is called.
    shape : tuple of int
    analytic, numeric, tolerance : tuple of numbers
        One for each element, the last axis fastest.
    """

    layout: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    analytic: tuple[complex, ...]
    numeric: tuple[complex, ...]
    tolerance: tuple[float, ...]


@dataclass(frozen=True)
class Finding:
    """The evidence of a failure.

    Parameters
    ----------
    what : str
        What is wrong, one sentence.
    where : str or None
        Which elements, in labels of the layout.
    source : Source or None
        The place in the user's code.
    details : tuple of str
        How far off, line by line, where `worst` does not say it.
    worst : Worst or None
    wrong : int or None
        How many elements are wrong.
    cause, other_causes : Cause
        The most specific cause whose evidence holds, and the others.
    fix : str or None
        What to do, one sentence.
    rerun : str or None
        The command that shows it again; set by the runner.
    comparison : Comparison or None
    """

    what: str
    where: str | None = None
    source: Source | None = None
    details: tuple[str, ...] = ()
    worst: Worst | None = None
    wrong: int | None = None
    cause: Cause | None = None
    other_causes: tuple[Cause, ...] = ()
    fix: str | None = None
    rerun: str | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Verified:
    """How much of a gradient was verified, and how small an error would have been found.

    `detectable_error` is in units of the tensor's rms and is found with `probability`.
    """

    of: int
    elements: int
    individually: int = 0
    in_blocks: int = 0
    at_kinks: int = 0
    not_adjudicated: int = 0
    method: str = ""
    detectable_error: float | None = None
    probability: float = 0.99


@dataclass(frozen=True)
class Evaluations:
    """Calls of the layer."""

    forward: int = 0
    backward: int = 0

    def __add__(self, other: Evaluations) -> Evaluations:
        return Evaluations(self.forward + other.forward, self.backward + other.backward)

    def __sub__(self, other: Evaluations) -> Evaluations:
        return Evaluations(self.forward - other.forward, self.backward - other.backward)


@dataclass(frozen=True)
class Question:
    """One check to be asked, for one case and dtype."""

    suite: str
    check: str
    case: str | None = None
    dtype: str | None = None

    @property
    def id(self) -> str:
        """``suite.check`` or ``suite.check:case``."""
        return check_id(self.suite, self.check, self.case)


@dataclass(frozen=True)
class Result:
    """The outcome of one check, for one dtype and device (None where they do not matter).

    `reason` says why a check was skipped or is incomplete; `expectation` is the user's
    reason for an expected failure; `rerun` is the command that shows a failed or incomplete
    check again.
    """

    suite: str
    check: str
    outcome: Outcome
    case: str | None = None
    dtype: str | None = None
    device: str | None = None
    reason: str | None = None
    expectation: str | None = None
    finding: Finding | None = None
    verified: Verified | None = None
    evaluations: Evaluations = Evaluations()
    elapsed_s: float = 0.0
    notes: tuple[str, ...] = ()
    rerun: str | None = None

    @property
    def id(self) -> str:
        """``suite.check`` or ``suite.check:case``."""
        return check_id(self.suite, self.check, self.case)


def check_id(suite: str, check: str, case: str | None) -> str:
    """Return ``suite.check`` or ``suite.check:case``."""
    return f"{suite}.{check}" if case is None else f"{suite}.{check}:{case}"


@dataclass(frozen=True)
class Summary:
    """Counts of outcomes."""

    passed: int = 0
    failed: int = 0
    incomplete: int = 0
    skipped: int = 0
    expected_failures: int = 0

    @staticmethod
    def of(results: Iterable[Result]) -> Summary:
        """Count `results` by outcome."""
        outcomes = [result.outcome for result in results]
        return Summary(
            passed=outcomes.count(Outcome.PASSED),
            failed=outcomes.count(Outcome.FAILED),
            incomplete=outcomes.count(Outcome.INCOMPLETE),
            skipped=outcomes.count(Outcome.SKIPPED),
            expected_failures=outcomes.count(Outcome.EXPECTED_FAILURE),
        )

    @property
    def ok(self) -> bool:
        """Something passed (or failed as expected) and nothing failed or is incomplete."""
        return self.passed + self.expected_failures > 0 and self.failed + self.incomplete == 0

    def line(self, elapsed_s: float) -> str:
        """The last line of a run, word for word (design: it is public)."""
        expected = f", {self.expected_failures} Expected failures" if self.expected_failures else ""
        return (
            f"Test Summary: {self.passed} Passed, {self.failed} Failed, "
            f"{self.incomplete} Incomplete, {self.skipped} Skipped{expected}. "
            f"Time elapsed: {elapsed_s:.2f} seconds."
        )


@dataclass(frozen=True)
class InputLayout:
    """The layout that an input was given."""

    name: str
    format: str
    size: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ",".join("?" if n is None else str(n) for n in self.size)
        return f"{self.format}:{sizes}"


@dataclass(frozen=True)
class Recognised:
    """A learnable or state: how it was found, and where its gradient is."""

    name: str
    kind: str
    shape: tuple[int, ...]
    found: str
    gradient: str | None = None


@dataclass(frozen=True)
class LayerResult:
    """Everything about one layer of a run.

    `packages` are the versions of what the layer is written with, beside NumPy. `problem` is set,
    and `results` is empty, where the layer could not be loaded.
    """

    target: str
    name: str
    framework: str | None = None
    convention: str | None = None
    source: Source = Source()
    layouts: tuple[InputLayout, ...] = ()
    dtypes: tuple[str, ...] = ()
    recognised: tuple[Recognised, ...] = ()
    results: tuple[Result, ...] = ()
    evaluations: Evaluations = Evaluations()
    notes: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def summary(self) -> Summary:
        """Counts of outcomes of this layer."""
        return Summary.of(self.results)


@dataclass(frozen=True)
class RunResult:
    """Everything about one run."""

    version: str
    command: str
    seed: int
    environment: Mapping[str, str]
    layers: tuple[LayerResult, ...]
    elapsed_s: float = 0.0
    interrupted: bool = False

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all layers, in order."""
        return tuple(result for layer in self.layers for result in layer.results)

    @property
    def summary(self) -> Summary:
        """Counts of outcomes over all layers."""
        return Summary.of(self.results)

    @property
    def ok(self) -> bool:
        """Every layer could be loaded, something passed and nothing failed or is incomplete."""
        return self.summary.ok and all(layer.problem is None for layer in self.layers)

    @property
    def packages(self) -> dict[str, str]:
        """The versions of what the layers are written with, beside NumPy."""
        return {name: version for layer in self.layers for name, version in layer.packages.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the run as JSON-able data, schema ``layercheck/1``."""
        summary = dataclasses.asdict(self.summary) | {"elapsed_s": self.elapsed_s}
        document = {
            "schema": SCHEMA,
            "version": self.version,
            "command": self.command,
            "seed": self.seed,
            "environment": {
                **self.environment,
                **{
                    name: version
                    for layer in self.layers
                    for name, version in layer.packages.items()
                },
            },
            "summary": summary,
            "interrupted": self.interrupted,
            "layers": [_layer_to_json(layer) for layer in self.layers],
        }
        return {key: jsonable(value) for key, value in document.items()}


def _layer_to_json(layer: LayerResult) -> dict[str, Any]:
    data = _fields(layer) | {"summary": dataclasses.asdict(layer.summary)}
    data["results"] = [{"id": result.id} | _fields(result) for result in layer.results]
    return data


def _fields(record: Any) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}


def jsonable(value: Any) -> Any:
    """Return `value` as JSON-able data.

    Non-finite numbers become "nan", "inf" and "-inf", complex ones [re, im]; numpy scalars and
    arrays become numbers and lists; anything unknown becomes its ``str``.
    """
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: jsonable(item) for key, item in _fields(value).items()}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, complex):
        return [jsonable(value.real), jsonable(value.imag)]
    return str(value)
