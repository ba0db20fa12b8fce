"""Questions about arrays that may or may not be learnables; each ends with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from layercheck.conventions.declared import called
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.returns import Path
from layercheck.conventions.sources import Returned
from layercheck.conventions.tracing import Trace
from layercheck.errors import QuestionError


def ask(
    request: Request,
    trace: Trace,
    places: Sequence[Place],
    unclear: Sequence[Path],
    known: Sequence[Place],
) -> NoReturn:
    """Ask what arrays without gradient are; `known` are those that are accounted for."""
    layer = trace.before
    name = called(layer, places[0])
    if unclear:
        raise QuestionError(_which(request, trace, places, unclear))
    held = ", ".join(_shown(layer, place) for place in places)
    raise QuestionError(
        f"The forward pass of {request.name} depends on {held}, and no gradient of "
        f"{'it' if len(places) == 1 else 'them'} is found after backward()"
        f"{_left(trace, known)}. If it is a learnable, say where its gradient is, "
        f"--declare gradient.{name}=ATTRIBUTE, or that it has none, --declare learnable={name}; "
        f"if no optimiser updates it, --declare state={name}."
    )


def _shown(layer: object, place: Place) -> str:
    return f"{called(layer, place)} {np.shape(place.find(layer))}"


def _left(trace: Trace, known: Sequence[Place]) -> str:
    made = sorted(place.name for place in trace.changed if place not in known)
    return f", which leaves {', '.join(made[:8])}" if made else ""


def _which(request: Request, trace: Trace, places: Sequence[Place], unclear: Sequence[Path]) -> str:
    layer = trace.before
    held = ", ".join(_shown(layer, place) for place in places)
    items = ", ".join(".".join(["returned", *map(str, path)]) for path in unclear)
    first = Returned(unclear[0])
    shape = np.shape(first.read(trace.after))
    name = called(layer, places[0])
    item = ".".join(["returned", *map(str, unclear[0])])
    return (
        f"backward() of {request.name} returns several arrays that may be the gradients of {held}: "
        f"{items} (the first has shape {shape}). Say which belongs to which, for each: "
        f"--declare gradient.{name}={item}."
    )
