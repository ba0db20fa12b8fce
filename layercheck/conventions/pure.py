"""Layers that are functions, turned into subjects: gradients come back in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from layercheck.conventions.declared import returned_as_declared
from layercheck.conventions.driving import ObjectDriver, Results
from layercheck.conventions.functions import FunctionBackward, FunctionForward, Functions
from layercheck.conventions.influence import observe
from layercheck.conventions.live import builder
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.results import find_results
from layercheck.conventions.returns import counted
from layercheck.conventions.signatures import source_of
from layercheck.conventions.sorting import Sorted, rebuilt, sort_arrays
from layercheck.conventions.sources import Returned, Where
from layercheck.conventions.tracing import trace
from layercheck.conventions.training import Flag, mode_flag, words_of
from layercheck.conventions.tree import walk
from layercheck.conventions.trials import Bench, find_bench
from layercheck.conventions.vocabulary import is_gradient_of, normal
from layercheck.copying import copy_object
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.subject import Facts, Slot, Subject


def adapt_functions(
    request: Request,
    convention: str,
    layer: Functions,
    forward: FunctionForward,
    backward: FunctionBackward | None,
) -> Subject:
    """Turn functions into a subject."""
    flags = tuple(_mode_flags(layer, forward))
    if flags:
        training = replace(forward.training, attributes=flags)
        forward = replace(forward, training=training)
        backward = None if backward is None else replace(backward, forward=forward)
    layouts = request.ordered_layouts(forward.inputs)
    bench = find_bench(layer, forward, layouts, request.seed)
    found: Sorted | None = None
    memory = backward is not None and backward.takes_memory
    results = Results(memory=memory)
    if isinstance(bench, Bench):
        observed = observe(layer, forward, bench)
        results = find_results(request, observed, backward)
        found = sort_arrays(replace(observed, results=results))
    driver = _driver(request, layer, forward, backward, results, bench)

    def prepare(at: tuple[Layout, ...]) -> Any:
        if found is None or not found.lazy or not isinstance(bench, Bench):
            return copy_object(layer)
        own = replace(bench, layouts=tuple(layout.resolved() for layout in at))
        return rebuilt(layer, forward, own, found)

    return _subject(request, convention, layer, layouts, driver, found, prepare)


def _mode_flags(layer: Functions, forward: FunctionForward) -> list[Flag]:
    """Return the flags in dicts of configuration: ``bn_param["mode"]``."""
    words = words_of(getattr(layer, forward.method))
    found = [
        mode_flag(place, str(place.steps[-1][1]), value, words)
        for place, value in walk(layer)
        if place.steps[0][1] == "config" and place.steps[-1][0] == "key" and len(place.steps) > 2
    ]
    return [flag for flag in found if flag is not None]


def _driver(
    request: Request,
    layer: Functions,
    forward: FunctionForward,
    backward: FunctionBackward | None,
    results: Results,
    bench: Bench | LayerError,
) -> ObjectDriver:
    driver = ObjectDriver(forward, results, backward)
    if backward is None:
        return driver
    result = _try(layer, driver, bench) if isinstance(bench, Bench) else None
    order = _order(layer, forward, bench, result)
    keys = _keys(order, result) if isinstance(result, dict) else {}
    single = len(order) == 1 and not isinstance(result, (tuple, list, dict))
    where: dict[str, Where] = {
        name: Returned(() if single else (i,)) for i, name in enumerate(order)
    }
    if isinstance(result, dict):
        where = {name: Returned((key,)) for name, key in keys.items()}
    where.update(returned_as_declared(request, (*forward.inputs, *layer.learnables)))
    wanted = (len(order), f"{counted(len(order), 'gradient')} ({', '.join(order)})")
    return replace(
        driver,
        inputs=tuple(where.get(name) for name in forward.inputs),
        learnables=tuple(where.get(name) for name in layer.learnables),
        wanted=None if isinstance(result, dict) else wanted,
    )


def _try(layer: Functions, driver: ObjectDriver, bench: Bench) -> Any:
    try:
        return trace(layer, driver, bench).after.result
    except LayerError:
        return None


def _order(
    layer: Functions, forward: FunctionForward, bench: Bench | LayerError, result: Any
) -> tuple[str, ...]:
    """Return the parameters whose gradients backward returns, in order.

    One that holds integers may be left out, and a static backward may return None for
    configuration: the number of things that it returned decides.
    """
    arrays = tuple(n for n in forward.parameters if n in forward.inputs or n in layer.learnables)
    whole: set[str] = set()
    if isinstance(bench, Bench):
        whole = {name for name, is_ in zip(forward.inputs, bench.integers, strict=True) if is_}
    orders = [arrays, tuple(name for name in arrays if name not in whole)]
    if forward.context:
        orders.append(forward.parameters)
    count = len(result) if isinstance(result, (tuple, list)) else 1
    return next((order for order in orders if len(order) == count), arrays)


def _keys(names: tuple[str, ...], result: dict[Any, Any]) -> dict[str, Any]:
    """Return the key of each parameter's gradient in a dict: ``dW``, ``grad_W``, ``W``."""
    found = {}
    for name in names:
        keys = [key for key in result if is_gradient_of(key, name)]
        keys += [key for key in result if normal(key) == normal(name)]
        if keys:
            found[name] = keys[0]
    return found


def _subject(
    request: Request,
    convention: str,
    layer: Functions,
    layouts: tuple[Layout, ...],
    driver: ObjectDriver,
    found: Sorted | None,
    prepare: Callable[[tuple[Layout, ...]], Any],
) -> Subject:
    places = tuple(Place((("attribute", "learnables"), ("key", name))) for name in layer.learnables)
    base = layer if found is None else prepare(layouts)
    states = () if found is None else found.states
    declarations = request.declarations
    return Subject(
        name=request.name,
        framework="numpy",
        convention=convention,
        layer=request.layer,
        source=request.source,
        sources=_sources(layer, driver),
        input_names=driver.forward.inputs,
        layouts=layouts,
        learnables=tuple(
            Slot(name, layer.learnables[name], "declared with --learnable", _sentence(where))
            for name, where in zip_longest(layer.learnables, driver.learnables)
        ),
        states=tuple(
            Slot(_name(s.place), s.place.find(base), _FOUND, None, s.recurrent) for s in states
        ),
        facts=Facts(
            one_pass=driver.forward.training.one_pass,
            backward="none" if driver.backward is None else "written",
            memory="handed over",
            outputs=request.output_layouts(driver.results.count or 1),
            mixes=declarations.mixes,
            learnable_gradients=declarations.learnable_gradients,
            claims_gpu=request.names_cupy,
        ),
        build=builder(prepare, driver, places, tuple(state.place for state in states)),
    )


_FOUND = "changed by the training forward, in its configuration"


def _name(place: Place) -> str:
    return Place(place.steps[1:]).name


def _sentence(where: Where | None) -> str | None:
    return None if where is None else where.sentence


def _sources(layer: Functions, driver: ObjectDriver) -> dict[str, Source]:
    names = {"predict": driver.forward.method, "forward": driver.forward.method}
    if driver.backward is not None:
        names["backward"] = driver.backward.method
    return {key: source_of(getattr(layer, name), name) for key, name in names.items()}
