"""layercheck tells the author of a neural-network layer whether the layer is right.

The public names; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from layercheck.version import __version__

if TYPE_CHECKING:  # the form that type checkers take for a public name
    from layercheck.api import CheckFailure as CheckFailure
    from layercheck.api import Report as Report
    from layercheck.api import check_layer as check_layer
    from layercheck.autodiff.gradient import gradient as gradient
    from layercheck.calling import call_layer as call_layer
    from layercheck.case import Case as Case
    from layercheck.case import Options as Options
    from layercheck.case import Point as Point
    from layercheck.conventions.request import Request as Request
    from layercheck.errors import DataError as DataError
    from layercheck.errors import DeclarationError as DeclarationError
    from layercheck.errors import LayercheckError as LayercheckError
    from layercheck.errors import LayerError as LayerError
    from layercheck.errors import LayoutError as LayoutError
    from layercheck.errors import QuestionError as QuestionError
    from layercheck.errors import ReturnError as ReturnError
    from layercheck.errors import TargetError as TargetError
    from layercheck.errors import TraceError as TraceError
    from layercheck.errors import UsageError as UsageError
    from layercheck.frameworks.attributes import Attributes as Attributes
    from layercheck.frameworks.backend import backends_installed as backends_installed
    from layercheck.frameworks.examples import example_inputs as example_inputs
    from layercheck.frameworks.found import packages_used as packages_used
    from layercheck.frameworks.framework import Framework as Framework
    from layercheck.frameworks.inputs import input_names as input_names
    from layercheck.frameworks.nested import flatten as flatten
    from layercheck.frameworks.precision import Precision as Precision
    from layercheck.frameworks.precision import find_precision as find_precision
    from layercheck.frameworks.program import Program as Program
    from layercheck.frameworks.program import Recorded as Recorded
    from layercheck.frameworks.program import program_builder as program_builder
    from layercheck.frameworks.program import write_back as write_back
    from layercheck.layer import Layer as Layer
    from layercheck.layer import Learnable as Learnable
    from layercheck.layer import State as State
    from layercheck.layout import Layout as Layout
    from layercheck.outcome import Cause as Cause
    from layercheck.outcome import Finding as Finding
    from layercheck.outcome import Outcome as Outcome
    from layercheck.outcome import Result as Result
    from layercheck.outcome import RunResult as RunResult
    from layercheck.outcome import Source as Source
    from layercheck.outcome import Verified as Verified
    from layercheck.outcome import Worst as Worst
    from layercheck.randomness import RandomSource as RandomSource
    from layercheck.subject import Evaluation as Evaluation
    from layercheck.subject import Facts as Facts
    from layercheck.subject import Gradients as Gradients
    from layercheck.subject import Slot as Slot
    from layercheck.subject import Subject as Subject
    from layercheck.suite import Check as Check
    from layercheck.suite import Suite as Suite
    from layercheck.testing import pytest_checks as pytest_checks
    from layercheck.tolerances import difference as difference
    from layercheck.tolerances import tolerance as tolerance
    from layercheck.verdict import Failed as Failed
    from layercheck.verdict import Inconclusive as Inconclusive
    from layercheck.verdict import Passed as Passed
    from layercheck.verdict import Skipped as Skipped
    from layercheck.verdict import fail as fail
    from layercheck.verdict import skip as skip

_HOMES = {
    "api": ("CheckFailure", "Report", "check_layer"),
    "autodiff.gradient": ("gradient",),
    "calling": ("call_layer",),
    "case": ("Case", "Options", "Point"),
    "conventions.request": ("Request",),
    "errors": (
        "DataError",
        "DeclarationError",
        "LayerError",
        "LayercheckError",
        "LayoutError",
        "QuestionError",
        "ReturnError",
        "TargetError",
        "TraceError",
        "UsageError",
    ),
    "frameworks.attributes": ("Attributes",),
    "frameworks.backend": ("backends_installed",),
    "frameworks.examples": ("example_inputs",),
    "frameworks.found": ("packages_used",),
    "frameworks.framework": ("Framework",),
    "frameworks.inputs": ("input_names",),
    "frameworks.nested": ("flatten",),
    "frameworks.precision": ("Precision", "find_precision"),
    "frameworks.program": ("Program", "Recorded", "program_builder", "write_back"),
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
    "randomness": ("RandomSource",),
    "subject": ("Evaluation", "Facts", "Gradients", "Slot", "Subject"),
    "suite": ("Check", "Suite"),
    "testing": ("pytest_checks",),
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
