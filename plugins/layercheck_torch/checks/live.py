"""A live module of a case, with the case's values in it, and pairs of arrays that should agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from layercheck import Case, Gradients, difference, fail, skip, tolerance
from layercheck_torch.arrays import enter


def require_module(case: Case) -> None:
    """Skip where the layer is a function."""
    if case.subject.convention != "module":
        what = "a function keeps nothing between its calls"
        skip(what if case.subject.convention != "object" else "the layer is no nn.Module")


def program_of(case: Case) -> Any:
    """Return a live program that holds copies of the case's learnables and states."""
    point = case.point()
    instance: Any = case.instance(point)
    program = instance.program
    holding = program.plan.holding
    holding.put_learnables(program.layer, copies(point.learnables[: len(holding.learnables)]))
    holding.put_states(program.layer, copies(point.states))
    return program


def entered(case: Case, program: Any) -> list[tuple[Any, Any]]:
    """Return the leaf and the tensor of each argument: inputs, then generated learnables."""
    point = case.point()
    generated = point.learnables[len(program.plan.holding.learnables) :]
    return [enter(np.array(x)) for x in (*point.inputs, *generated)]


def training(case: Case) -> Any:
    """Return the mode whose gradients count."""
    return "predict" if case.subject.facts.one_pass else "forward"


def copies(arrays: Iterable[Any]) -> tuple[Any, ...]:
    """Return copies that the layer may write into."""
    return tuple(np.array(array) for array in arrays)


def require_same_outputs(
    case: Case, actual: Sequence[Any], mode: Any, what: str, **evidence: Any
) -> None:
    """Fail where outputs are not those of the case's own pass, up to rounding."""
    expected, spreads = case.base(mode).outputs, case.spread(mode)
    for number, (a, e, spread) in enumerate(zip(actual, expected, spreads, strict=True)):
        name = "the output" if len(expected) == 1 else f"output {number + 1}"
        _require_same(case, a, e, spread, name, what, **evidence)


def require_same_gradients(
    case: Case, actual: Gradients, expected: Gradients, what: str, **evidence: Any
) -> None:
    """Fail where gradients are others, up to rounding; None stands for zeros."""
    subject, spreads = case.subject, case.gradient_spread
    for name, a, e, spread in (
        *zip(subject.input_names, actual.inputs, expected.inputs, spreads.inputs, strict=True),
        *zip(
            (slot.name for slot in subject.learnables),
            actual.learnables,
            expected.learnables,
            spreads.learnables,
            strict=True,
        ),
    ):
        if e is not None and a is not None:
            _require_same(case, a, e, spread, f"the gradient of {name}", what, **evidence)


def _require_same(
    case: Case, actual: Any, expected: Any, spread: float, name: str, what: str, **evidence: Any
) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        where = f"{name}: shape {actual.shape}, expected {expected.shape}"
        fail(what.format(name), where=where, **evidence)
    found = difference(actual, expected, tolerance(expected, spread, case.eps))
    if found is not None:
        where = f"{found.wrong} of {expected.size} elements of {name}"
        fail(what.format(name), where=where, worst=found.worst, wrong=found.wrong, **evidence)
