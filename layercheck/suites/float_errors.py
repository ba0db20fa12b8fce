"""The line of a layer at which NumPy first reports a floating-point error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.calling import FloatingPointKind, raising
from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.frames import source_line
from layercheck.outcome import Cause, Source
from layercheck.subject import Mode
from layercheck.suites.evidence import source_of_error

# With a finite right value an overflow explains NaN and infinity; without, an undefined operation.
_IF_FINITE: tuple[FloatingPointKind, ...] = ("over", "divide", "invalid")
_IF_NOT: tuple[FloatingPointKind, ...] = ("invalid", "divide")


@dataclass(frozen=True)
class FloatError:
    """A floating-point error of a layer: its kind, and where it was raised.

    `finite` says whether a higher precision gives a finite value.
    """

    kind: FloatingPointKind
    error: LayerError
    finite: bool

    def source(self, known: Source | None) -> Source | None:
        """Return the line, in the method that `known` names."""
        return source_of_error(self.error, known)

    def cause(self, dtype: np.dtype[Any]) -> Cause:
        """Return the error as a cause."""
        report = str(self.error.original)
        line = source_line(self.error.file, self.error.line or 0) if self.error.file else ""
        evidence = {"numpy": report, "line": line}
        first = f"NumPy first reports '{report}'" + (f" in `{line}`" if line else "")
        if self.kind == "over":
            largest = float(np.finfo(dtype).max)
            text = f"{first}: a value beyond the largest {dtype}, {largest:.3g}."
            return Cause("overflow", text, evidence)
        if self.finite:
            text = f"{first}: a value on the way has become zero in {dtype}."
            return Cause("underflow", text, evidence)
        text = f"{first}: 0/0, a difference of infinities, or a value outside the domain."
        return Cause("undefined-operation", text, evidence)


def first_float_error(
    case: Case, point: Point, mode: Mode, *, backward: bool, finite: bool
) -> FloatError | None:
    """Run the layer again until NumPy reports an error of a kind that explains the result.

    Parameters
    ----------
    backward : bool
        Look in backward; where it reports none, in the pass before it.
    finite : bool
        A higher precision gives a finite value.
    """
    for kind in _IF_FINITE if finite else _IF_NOT:
        for in_backward in (True, False) if backward else (False,):
            error = _float_error(case, point, mode, kind, in_backward)
            if error is not None:
                return FloatError(kind, error, finite)
    return None


def _float_error(
    case: Case, point: Point, mode: Mode, kind: FloatingPointKind, in_backward: bool
) -> LayerError | None:
    try:
        if not in_backward:
            with raising(kind):
                case.evaluate(point, mode)
            return None
        evaluation = case.evaluate(point, mode)
        with raising(kind):
            case.pull_back(evaluation, case.upstream(evaluation.outputs))
    except LayerError as error:
        return error if isinstance(error.original, FloatingPointError) else None
    return None
