"""Where the outputs of a forward pass are: returned, or in attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.conventions.calls import BackwardCall
from layercheck.conventions.driving import Results
from layercheck.conventions.influence import Observed
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.tree import attributes
from layercheck.conventions.trials import same
from layercheck.conventions.vocabulary import RESULTS
from layercheck.errors import DeclarationError, QuestionError, nearest


def find_results(request: Request, observed: Observed, backward: BackwardCall | None) -> Results:
    """Return where the outputs are; several upstream gradients mean several outputs."""
    declared = request.declarations.result
    if declared is not None:
        return _declared(request, observed, declared)
    returned = observed.returned
    if returned is None:
        return Results((_attribute(request, observed),), count=1)
    memory = backward is not None and backward.takes_memory
    if not isinstance(returned, (tuple, list)):
        returned = (returned,)
        memory = False
    things = returned[:-1] if memory and len(returned) > 1 else returned
    arrays = _leading_arrays(things)
    upstreams = backward.upstreams() if backward is not None else arrays
    if upstreams > 1 and arrays != upstreams:
        raise QuestionError(_disagreement(request, observed, arrays, upstreams))
    return Results(count=arrays or None, ignored=len(things) - arrays, memory=memory)


def _leading_arrays(things: Any) -> int:
    count = 0
    for thing in things:
        if not isinstance(thing, (np.ndarray, np.generic)):
            break
        count += 1
    return count


def _disagreement(request: Request, observed: Observed, outputs: int, upstreams: int) -> str:
    forward = observed.forward.method
    return (
        f"{forward}() of {request.name} returns {outputs} array{'s' * (outputs != 1)}, and its "
        f"backward pass takes {upstreams} arguments that may be upstream gradients. Name the "
        "others for what they are (x, cache, learning_rate), or declare how backward is called: "
        "--declare convention=torch7 for (input, upstream gradient), "
        "--declare convention=updating for (upstream gradient, learning rate)."
    )


def _declared(request: Request, observed: Observed, name: str) -> Results:
    place = Place.attribute(*name.split("."))
    if isinstance(place.find(observed.first), np.ndarray):
        return Results((place,), count=1)
    known = [key for key, value in attributes(observed.first).items() if _is_array(value)]
    raise DeclarationError(
        f"result={name} names no array that {observed.forward.method}() leaves."
        f"{nearest(name, known)} It leaves {', '.join(known) or 'none'}."
    )


def _attribute(request: Request, observed: Observed) -> Place:
    """Return the attribute that forward, which returns nothing, leaves its output in."""
    first, second = attributes(observed.first), attributes(observed.second)
    inputs = observed.bench.inputs(0)
    found = [
        name
        for name, value in first.items()
        if _is_array(value)
        and not same(value, second.get(name))
        and not any(same(value, x) for x in inputs)
    ]
    for name in RESULTS:
        if name in found:
            return Place.attribute(name)
    if len(found) == 1:
        return Place.attribute(found[0])
    method = observed.forward.method
    if not found:
        raise QuestionError(
            f"{method}() of {request.name} returns nothing and leaves no new array in an "
            "attribute, so its output is not found. Return it, or name where it is: "
            "--declare result=ATTRIBUTE."
        )
    raise QuestionError(
        f"{method}() of {request.name} returns nothing and leaves several arrays "
        f"({', '.join(found)}). Say which is the output: --declare result={found[-1]}."
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc"
