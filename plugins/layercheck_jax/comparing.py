"""What the checks of the suite ``jax`` share: the passes of a case, run in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import numpy as np

from layercheck import Case, LayerError, Passed, Source, call_layer, difference, fail, tolerance
from layercheck_jax.explaining import explained
from layercheck_jax.model import Model
from layercheck_jax.passes import Passes
from layercheck_jax.precision import precision
from layercheck_jax.program import JaxProgram

Arrays = tuple[Any, ...]
SEED = np.uint32(1)


@dataclass(frozen=True)
class Passing:
    """The passes of a case, with its arguments at the layout."""

    case: Case
    program: JaxProgram

    @classmethod
    def of(cls, case: Case) -> Passing:
        """Return those of a case; skips the check where forward raised."""
        case.base()
        live: Any = case.instance()
        return cls(case, cast(JaxProgram, live.program))

    @property
    def model(self) -> Model:
        """The layer."""
        return self.program.passes.model

    @property
    def modes(self) -> tuple[str, ...]:
        """The passes that differ."""
        return ("predict",) if self.case.subject.facts.one_pass else ("predict", "forward")

    @property
    def training(self) -> Any:
        """The pass that backward belongs to."""
        return self.modes[-1]

    def given(self, draw: int = 0) -> tuple[Arrays, Arrays, Arrays]:
        """The learnables, states and inputs of the layout."""
        point = self.case.point(draw=draw)
        return point.learnables, point.states, point.inputs

    def arguments(self) -> tuple[Any, ...]:
        """The arguments of a pass at the layout."""
        return self.given(), SEED

    def passes(self, *, is_compiled: bool) -> Passes:
        """Return the passes of the layer, compiled or called as they are."""
        own = self.program.passes
        return (
            own if own.is_compiled == is_compiled else Passes(self.model, is_compiled=is_compiled)
        )

    def call(self, call: str, function: Any, *arguments: Any) -> Any:
        """Call the layer in the precision of the case; raises `LayerError` where it does."""
        with explained(), precision(self.program.dtype):
            return call_layer(call, function, *arguments)

    def source(self) -> Source | None:
        """Where forward is written."""
        return self.case.subject.sources.get("forward")

    def fail_raised(self, what: str, error: LayerError, fix: str | None = None) -> NoReturn:
        """Fail because the layer raised."""
        fail(f"{what}: {first_lines(error)}.", source=self.place(error), fix=fix)

    def place(self, error: LayerError) -> Source | None:
        """Where in the layer it was raised."""
        own = self.source()
        if error.file is None:
            return own
        return Source(error.file, error.line, own.function if own else None)


def first_lines(error: LayerError) -> str:
    """The first paragraph of what was raised."""
    return " ".join(str(error).strip().split("\n\n")[0].split()).removesuffix(".")


def require_same(
    passing: Passing,
    actual: Sequence[Any],
    expected: Sequence[Any],
    name: str,
    what: str,
    fix: str,
    spreads: Sequence[float] = (),
) -> None:
    """Fail where two rows of arrays differ by more than rounding."""
    for number, (a, b) in enumerate(zip(actual, expected, strict=True)):
        if a is None or b is None:
            continue
        a, b = np.asarray(a), np.asarray(b)
        where = f"{name} {number + 1}" if len(expected) > 1 else name
        if a.shape != b.shape:
            fail(what, where=where, source=passing.source(), details=_shapes(a, b), fix=fix)
        spread = spreads[number] if number < len(spreads) else 0.0
        found = difference(a, b, tolerance(b, spread, passing.case.eps))
        if found is not None:
            fail(
                what,
                where=f"{found.wrong} of {b.size} elements of {where}",
                source=passing.source(),
                worst=found.worst,
                wrong=found.wrong,
                fix=fix,
            )


def _shapes(actual: np.ndarray, expected: np.ndarray) -> tuple[str, ...]:
    return (f"shape {actual.shape}, expected {expected.shape}",)


def noted(*notes: str) -> Passed:
    """Return a pass with notes."""
    return Passed(tuple(notes))
