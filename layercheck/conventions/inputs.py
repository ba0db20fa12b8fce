"""Where the gradients of the inputs are after backward."""

from __future__ import annotations

import numpy as np

from layercheck.conventions.matching import Match
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.sources import At, Where
from layercheck.conventions.tracing import Trace
from layercheck.conventions.tree import attributes
from layercheck.conventions.vocabulary import INPUT_GRADIENTS, is_gradient_of, normal
from layercheck.errors import QuestionError


def input_sources(
    request: Request,
    trace: Trace,
    names: tuple[str, ...],
    matched: Match,
    given: dict[int, Where],
) -> tuple[Where | None, ...]:
    """Return where the gradient of each input is, None where there is none."""
    found: list[Where | None] = list(matched.inputs)
    if trace.after.result is None:
        found = [
            None if i in given else _in_attribute(request, trace, names, i)
            for i in range(len(names))
        ]
    return tuple(given.get(i, where) for i, where in enumerate(found))


def _in_attribute(
    request: Request, trace: Trace, names: tuple[str, ...], number: int
) -> Where | None:
    """Return the attribute that backward, which returns nothing, leaves the gradient in."""
    x = trace.done.inputs[number]
    left = {
        name: value
        for name, value in attributes(trace.layer).items()
        if isinstance(value, np.ndarray) and Place.attribute(name) in trace.changed
    }
    named = [name for name in left if _is_named(name, names, number)]
    named.sort(key=lambda name: left[name].shape != x.shape)
    if named:
        return At(Place.attribute(named[0]))
    alike = [name for name, value in left.items() if value.shape == x.shape]
    if not alike or x.dtype.kind not in "fc":
        return None
    raise QuestionError(
        f"backward() of {request.name} returns nothing, and leaves {', '.join(alike)} of the "
        f"shape of the input {names[number]}. If its gradient is there, write "
        f"--declare gradient.{names[number]}={alike[0]}."
    )


def _is_named(attribute: str, names: tuple[str, ...], number: int) -> bool:
    if is_gradient_of(attribute, names[number]):
        return True
    return len(names) == 1 and normal(attribute) in INPUT_GRADIENTS
