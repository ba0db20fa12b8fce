"""The arrays that declarations name, found in the layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from layercheck.conventions.pairing import is_parameter_value
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.returns import leaves
from layercheck.conventions.sources import At, Returned, Where
from layercheck.conventions.tracing import Trace
from layercheck.conventions.tree import arrays, scalars
from layercheck.errors import DeclarationError, nearest


def declared_places(request: Request, layer: Any, key: str, names: Iterable[str]) -> list[Place]:
    """Return the arrays or numbers of `layer` that ``--declare key=NAME`` names."""
    known = {called(layer, place): place for place in (*arrays(layer), *scalars(layer))}
    found = []
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise DeclarationError(
                f"{key}={name} names no array of {request.name}.{nearest(name, known)} "
                f"Its arrays are {listed}."
            )
        found.append(known[name])
    return found


def declared_learnables(request: Request, layer: Any) -> list[Place]:
    """Return the places that ``--declare learnable=`` names."""
    return declared_places(request, layer, "learnable", request.declarations.learnables)


def declared_states(request: Request, layer: Any) -> list[Place]:
    """Return the places that ``--declare state=`` names."""
    return declared_places(request, layer, "state", request.declarations.states)


@dataclass(frozen=True)
class Given:
    """The gradients that are declared, of learnables and of inputs by number."""

    learnables: dict[Place, Where]
    inputs: dict[int, Where]


def declared_gradients(request: Request, base: Any, trace: Trace, inputs: tuple[str, ...]) -> Given:
    """Return where ``--declare gradient.NAME=ATTRIBUTE`` says that gradients are."""
    known = {called(base, place): place for place in (*arrays(base), *scalars(base))}
    given = Given({}, {})
    for name, path in request.declarations.gradients:
        where = _where(request, trace, name, path)
        if name in known:
            given.learnables[known[name]] = where
        elif name in inputs:
            given.inputs[inputs.index(name)] = where
        else:
            names = [*known, *inputs]
            raise DeclarationError(
                f"gradient.{name} names no learnable of {request.name}.{nearest(name, names)} "
                f"Its arrays are {', '.join(known) or 'none'}."
            )
    return given


def returned_as_declared(request: Request, names: tuple[str, ...]) -> dict[str, Where]:
    """Return the gradients that functions return where ``gradient.NAME=returned.1`` says."""
    found: dict[str, Where] = {}
    given = request.declarations
    for key, value in (
        ("learnable", given.learnables),
        ("state", given.states),
        ("reset", given.reset),
        ("result", given.result),
    ):
        if value:
            raise DeclarationError(
                f"{key}= concerns objects, and {request.name} is made of functions. A parameter "
                "to generate is --learnable NAME=SIZES."
            )
    for name, path in given.gradients:
        head, _, rest = path.partition(".")
        if name not in names or head != "returned":
            raise DeclarationError(
                f"gradient.{name}={path} does not fit {request.name}, which is made of functions."
                f"{nearest(name, names)} Write gradient.NAME=returned.0 with one of "
                f"{', '.join(names)}."
            )
        found[name] = Returned(steps_of(rest))
    return found


def steps_of(path: str) -> tuple[Any, ...]:
    """Return the steps of ``1.W``: numbers are indices."""
    return tuple(int(part) if part.isdigit() else part for part in path.split(".") if part)


def _where(request: Request, trace: Trace, name: str, path: str) -> Where:
    """Return the place that a declaration names: an attribute's path, or ``returned.1``."""
    head, _, rest = path.partition(".")
    if head == "returned" and not hasattr(trace.layer, "returned"):
        steps = steps_of(rest)
        if steps in leaves(trace.after.result):
            return Returned(steps)
        known = [".".join(["returned", *map(str, p)]) for p in leaves(trace.after.result)]
    else:
        place = place_of(trace.layer, path)
        if place is not None:
            return At(place)
        known = [place.name for place in arrays(trace.layer)]
    raise DeclarationError(
        f"gradient.{name}={path} names nothing that backward() of {request.name} leaves."
        f"{nearest(path, known)} Its arrays are {', '.join(known) or 'none'}."
    )


def called(layer: Any, place: Place) -> str:
    """Return the name of a learnable: the value of a parameter object has the object's name."""
    return Place(place.steps[:-1]).name if is_parameter_value(layer, place) else place.name


def place_of(layer: Any, path: str) -> Place | None:
    """Return the place that a dotted path names in a layer, or None."""
    place = Place(())
    item = layer
    for part in path.split("."):
        if isinstance(item, dict):
            key = part if part in item else int(part) if part.isdigit() else part
            if key not in item:
                return None
            place = place / ("key", key)
        elif isinstance(item, (list, tuple)):
            if not part.isdigit() or int(part) >= len(item):
                return None
            place = place / ("index", int(part))
        elif hasattr(item, part):
            place = place / ("attribute", part)
        else:
            return None
        item = place.find(layer)
    return place
