"""Objects with a forward and a backward method, turned into subjects.

What signatures and names leave open is learnt from trial runs on copies with small data.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.calling import with_place
from layercheck.conventions.anatomy import Anatomy, dissect, read_only
from layercheck.conventions.calls import (
    BackwardCall,
    ForwardCall,
    Role,
    read_backward,
    read_forward,
)
from layercheck.conventions.driving import ObjectDriver
from layercheck.conventions.initialising import ways
from layercheck.conventions.live import builder, generator_roots
from layercheck.conventions.losses import refuse_loss
from layercheck.conventions.pairing import is_parameter_value
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of, source_of
from layercheck.conventions.sources import At
from layercheck.conventions.tracing import serves_all
from layercheck.conventions.tree import method_of
from layercheck.conventions.trials import Bench, find_bench
from layercheck.conventions.vocabulary import CLEAR, RESET
from layercheck.copying import copy_object
from layercheck.errors import DeclarationError, LayerError, LayoutError, nearest
from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.randomness import seeded
from layercheck.subject import Facts, Slot, Subject


@dataclass(frozen=True)
class Protocol:
    """What a convention knows about its layers.

    Parameters
    ----------
    forward, backward : str
        The names of the passes; no backward: None.
    prepare : callable, (layer, layouts) -> None, optional
        Initialises a new layer.
    roles : tuple of str
        What the first arguments of backward are where their names do not tell, and the
        convention is declared.
    then : str or None
        A method that completes backward, called with the same arguments.
    keeps_forwards : bool
        Forwards add up until backward; whether one backward serves all is tried.
    """

    convention: str
    forward: str
    backward: str | None
    prepare: Callable[[Any, tuple[Layout, ...]], None] | None = None
    roles: tuple[Role, ...] = ()
    then: str | None = None
    keeps_forwards: bool = False


def adapt_object(request: Request, protocol: Protocol) -> Subject:
    """Turn an object into a subject."""
    pristine = copy_object(request.layer)
    forward = read_forward(pristine, protocol.forward, request)
    refuse_loss(request, pristine, protocol.forward, protocol.backward)
    reset = _method(request, pristine, RESET, request.declarations.reset)
    backward = None
    if protocol.backward is not None:
        backward = read_backward(
            pristine, protocol.backward, forward.inputs, request, protocol.roles
        )
        backward = replace(backward, then=protocol.then, packed_inputs=forward.packed)
    layouts = request.ordered_layouts(forward.inputs)
    several = False
    base = prepared(pristine, protocol, layouts, request.seed)
    bench = find_bench(base, forward, layouts, request.seed)
    if isinstance(bench, LayerError) and protocol.prepare is None:
        protocol, base, bench = _initialised(
            request, pristine, protocol, forward, layouts, (base, bench)
        )
    if isinstance(bench, LayerError) and forward.packed:
        raise LayoutError(
            f"{request.name} runs neither on {len(layouts)} inputs nor on a list of them: "
            f"{with_place(bench)}. Write one --layout for each input."
        )
    if isinstance(bench, LayerError):
        anatomy = read_only(request, base, forward, backward)
    else:
        anatomy = dissect(request, base, forward, backward, bench)
        several = protocol.keeps_forwards and serves_all(anatomy.base, anatomy.driver, bench)

    def prepare(at: tuple[Layout, ...]) -> Any:
        return anatomy.finish(prepared(pristine, protocol, at, request.seed), at)

    clear = _method(request, pristine, CLEAR, None)
    driver = replace(anatomy.driver, reset_method=reset, clear_method=clear)
    anatomy = replace(anatomy, driver=driver)
    if not isinstance(bench, LayerError):
        with contextlib.suppress(LayerError):
            anatomy = replace(anatomy, base=prepare(layouts))
    subject = _subject(request, protocol, pristine, layouts, anatomy, prepare)
    return replace(subject, facts=replace(subject.facts, several_forwards=several))


def _initialised(
    request: Request,
    pristine: Any,
    protocol: Protocol,
    forward: ForwardCall,
    layouts: tuple[Layout, ...],
    otherwise: tuple[Any, LayerError],
) -> tuple[Protocol, Any, Bench | LayerError]:
    """Find a way to initialise a layer whose forward pass does not run as it is."""
    for way in ways(pristine):
        told = replace(protocol, prepare=way)
        try:
            base = prepared(pristine, told, layouts, request.seed)
        except LayerError:
            continue
        bench = find_bench(base, forward, layouts, request.seed)
        if isinstance(bench, Bench):
            return told, base, bench
    return protocol, *otherwise


def prepared(pristine: Any, protocol: Protocol, layouts: tuple[Layout, ...], seed: int) -> Any:
    """Return a copy of the layer, initialised for the layouts."""
    layer = copy_object(pristine)
    if protocol.prepare is not None:
        with seeded(seed, *generator_roots(layer)):
            protocol.prepare(layer, tuple(layout.resolved() for layout in layouts))
    return layer


def _subject(
    request: Request,
    protocol: Protocol,
    pristine: Any,
    layouts: tuple[Layout, ...],
    anatomy: Anatomy,
    prepare: Callable[[tuple[Layout, ...]], Any],
) -> Subject:
    driver = anatomy.driver
    learnables = tuple(place for place, _, _ in anatomy.learnables)
    states = tuple(place for place, _, _ in anatomy.states)
    buffers = tuple(
        where.place
        for where in driver.learnables
        if isinstance(where, At) and isinstance(where.place.find(anatomy.base), np.ndarray)
    )
    return Subject(
        name=request.name,
        framework="numpy",
        convention=protocol.convention,
        layer=request.layer,
        source=request.source,
        sources=_sources(pristine, driver.forward, driver.backward),
        input_names=driver.forward.inputs,
        layouts=layouts,
        learnables=tuple(
            Slot(slot_name(anatomy.base, place), place.find(anatomy.base), found, gradient)
            for place, found, gradient in anatomy.learnables
        ),
        states=tuple(
            Slot(slot_name(anatomy.base, place), place.find(anatomy.base), found, None, recurrent)
            for place, found, recurrent in anatomy.states
        ),
        facts=_facts(request, protocol, driver, anatomy),
        build=builder(prepare, driver, learnables, states, buffers),
        notes=anatomy.notes,
    )


def slot_name(layer: Any, place: Place) -> str:
    """Return the name of a learnable; the value of a parameter object has the object's name."""
    return Place(place.steps[:-1]).name if is_parameter_value(layer, place) else place.name


def _method(
    request: Request, layer: Any, names: tuple[str, ...], declared: str | None
) -> str | None:
    if declared is not None:
        if callable(getattr(layer, declared, None)):
            return declared
        known = [name for name in dir(layer) if not name.startswith("__")]
        raise DeclarationError(
            f"{request.name} has no method {declared!r}.{nearest(declared, known)} "
            "Write --declare reset=METHOD."
        )
    found = [name for name in names if method_of(layer, (name,))]
    return next((name for name in found if signature_of(getattr(layer, name)).accepts(0)), None)


def _sources(layer: Any, forward: ForwardCall, backward: BackwardCall | None) -> dict[str, Source]:
    names = {"predict": forward.name("predict"), "forward": forward.method}
    if backward is not None:
        names["backward"] = backward.method
    told = {"predict": forward.training.told("predict")}
    return {
        key: source_of(getattr(layer, name), f"{type(layer).__name__}.{name}{told.get(key, '')}")
        for key, name in names.items()
    }


def _facts(request: Request, protocol: Protocol, driver: ObjectDriver, anatomy: Anatomy) -> Facts:
    declarations = request.declarations
    return Facts(
        one_pass=driver.forward.training.one_pass,
        backward="none" if driver.backward is None else "written",
        memory="handed over" if driver.results.memory else "in the object",
        announces_update=anatomy.announces_update,
        reset=driver.reset_method is not None,
        clears_gradients=driver.clear_method is not None,
        outputs=request.output_layouts(driver.results.count or 1),
        mixes=declarations.mixes,
        learnable_gradients=declarations.learnable_gradients,
        signatures=anatomy.signatures,
        claims_gpu=request.names_cupy,
    )
