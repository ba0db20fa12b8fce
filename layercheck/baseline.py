"""A baseline: failures that are accepted as they are today, so that only new ones fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layercheck.errors import UsageError
from layercheck.outcome import LayerResult, Outcome, Result, RunResult

SCHEMA = "layercheck-baseline/1"
_ACCEPTED = "baseline: "
_Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Baseline:
    """What each layer was found to fail, by target and layouts."""

    known: Mapping[_Key, Mapping[str, str]] = field(default_factory=dict)

    def of(self, layer: LayerResult) -> dict[str, str]:
        """Return the expected failures of a layer, check id -> reason."""
        return dict(self.known.get(_key(layer), {}))


def read_baseline(path: str) -> Baseline:
    """Read what the report ``baseline`` wrote; raises `UsageError`."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is {document['schema']!r}, not {SCHEMA!r}")
        known = {_read_key(layer): _read_failures(layer) for layer in document["layers"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"--baseline {path!r} cannot be read: {why}. "
            f"Write it with layercheck ... --report baseline:{path}."
        ) from error
    return Baseline(known)


def written_baseline(result: RunResult) -> str:
    """Return the failures of a run as a baseline; layers without any are left out."""
    layers = [
        {"target": layer.target, "layouts": list(_key(layer)[1]), "failures": failures}
        for layer in result.layers
        if (failures := _failures(layer))
    ]
    return json.dumps({"schema": SCHEMA, "layers": layers}, indent=2) + "\n"


def _failures(layer: LayerResult) -> dict[str, str]:
    """Return what failed, and what an older baseline accepted and fails still."""
    found: dict[str, str] = {}
    for result in layer.results:
        if _is_accepted(result):
            found[result.id] = (result.expectation or "").removeprefix(_ACCEPTED)
        elif result.outcome is Outcome.FAILED and result.expectation is None:
            found.setdefault(result.id, result.finding.what if result.finding else "")
    return found


def _is_accepted(result: Result) -> bool:
    return result.outcome is Outcome.EXPECTED_FAILURE and (result.expectation or "").startswith(
        _ACCEPTED
    )


def _key(layer: LayerResult) -> _Key:
    return layer.target, tuple(f"{each.name}={each}" for each in layer.layouts)


def _read_key(layer: Any) -> _Key:
    return str(layer["target"]), tuple(str(each) for each in layer["layouts"])


def _read_failures(layer: Any) -> dict[str, str]:
    return {str(id): f"{_ACCEPTED}{what}" for id, what in layer["failures"].items()}
