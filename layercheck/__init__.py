"""layercheck tells the author of a neural-network layer whether the layer is right.

The public names; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from layercheck.version import __version__

if TYPE_CHECKING:
    from layercheck.api import CheckFailure, Report, check_layer
    from layercheck.case import Case, Options, Point
    from layercheck.errors import (
        DataError,
        DeclarationError,
        LayercheckError,
        LayerError,
        LayoutError,
        QuestionError,
        ReturnError,
        TargetError,
        UsageError,
    )
    from layercheck.layer import Layer, Learnable, State
    from layercheck.layout import Layout
    from layercheck.outcome import (
        Cause,
        Finding,
        Outcome,
        Result,
        RunResult,
        Source,
        Verified,
        Worst,
    )
    from layercheck.subject import Evaluation, Gradients, Subject
    from layercheck.suite import Check, Suite
    from layercheck.tolerances import difference, tolerance
    from layercheck.verdict import Failed, Inconclusive, Passed, Skipped, fail, skip

_HOMES = {
    "api": ("CheckFailure", "Report", "check_layer"),
    "case": ("Case", "Options", "Point"),
    "errors": (
        "DataError",
        "DeclarationError",
        "LayerError",
        "LayercheckError",
        "LayoutError",
        "QuestionError",
        "ReturnError",
        "TargetError",
        "UsageError",
    ),
    "layer": ("Layer", "Learnable", "State"),
    "layout": ("Layout",),
    "outcome": (
        "Cause",
        "Finding",
        "Outcome",
        "Result",
        "RunResult",
        "Source",
        "Verified",
        "Worst",
    ),
    "subject": ("Evaluation", "Gradients", "Subject"),
    "suite": ("Check", "Suite"),
    "tolerances": ("difference", "tolerance"),
    "verdict": ("Failed", "Inconclusive", "Passed", "Skipped", "fail", "skip"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "__version__",
    *sorted(_HOME),
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'layercheck' has no attribute {name!r}")
    value = getattr(import_module(f"layercheck.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
