"""A trial run of forward and backward, and what backward changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layercheck.conventions.driving import ObjectDriver
from layercheck.conventions.live import generator_roots
from layercheck.conventions.places import Place
from layercheck.conventions.request import Request
from layercheck.conventions.returns import leaves
from layercheck.conventions.sources import After
from layercheck.conventions.trials import Bench, same, values
from layercheck.copying import copy_object
from layercheck.errors import LayerError, QuestionError
from layercheck.randomness import seeded
from layercheck.subject import Pass


@dataclass(frozen=True)
class Trace:
    """One forward and one backward of a copy of a layer.

    Parameters
    ----------
    before : object
        The layer between the two.
    changed : frozenset of Place
        Arrays that backward changed or made.
    """

    before: Any
    after: After
    done: Pass
    changed: frozenset[Place]

    @property
    def layer(self) -> Any:
        """The layer after backward."""
        return self.after.layer


def trace(base: Any, driver: ObjectDriver, bench: Bench) -> Trace:
    """Run forward and backward of a copy of `base`; raises `LayerError` where backward does."""
    layer = copy_object(base)
    with seeded(bench.seed, *generator_roots(layer)):
        done = driver.run(layer, bench.inputs(0), "forward")
        before = copy_object(layer)
        after = driver.after(layer, done, upstream(done, bench.seed))
    held = values(before)
    changed = {
        place
        for place, value in values(layer).items()
        if place not in held or not same(value, held[place])
    }
    return Trace(before, after, done, frozenset(changed))


def upstream(done: Pass, seed: int) -> tuple[np.ndarray, ...]:
    """Return random upstream gradients for the outputs of a pass."""
    rng = np.random.default_rng([seed, 7])
    return tuple(
        rng.standard_normal(z.shape).astype(z.dtype if z.dtype.kind in "fc" else float)
        for z in done.outputs
    )


def first_trace(
    request: Request, base: Any, driver: ObjectDriver, bench: Bench
) -> tuple[ObjectDriver, Trace | LayerError]:
    """Trace `base`; where one argument may be one or all upstream gradients, find out which."""
    count, call = driver.results.count or 1, driver.backward
    if call is None or count == 1 or call.upstreams() != 1:
        return driver, _try(base, driver, bench)
    packed = replace(driver, backward=replace(call, packed=True))
    ignored = driver.results.ignored + count - 1
    single = replace(driver, results=replace(driver.results, count=1, ignored=ignored))
    ways = [(way, _try(base, way, bench)) for way in (packed, single)]
    right = [(way, found) for way, found in ways if _gives_input_shapes(found)]
    if len(right) == 2:
        raise QuestionError(
            f"{driver.forward.method}() of {request.name} returns {count} arrays, and its "
            "backward pass takes one upstream gradient. Let backward take one for each output; "
            "or, if only the first is an output, keep it in an attribute and declare it: "
            "--declare result=ATTRIBUTE."
        )
    return right[0] if right else ways[0]


def _try(base: Any, driver: ObjectDriver, bench: Bench) -> Trace | LayerError:
    try:
        return trace(base, driver, bench)
    except LayerError as error:
        return error


def _gives_input_shapes(found: Trace | LayerError) -> bool:
    if isinstance(found, LayerError):
        return False
    shapes = [np.shape(value) for value in leaves(found.after.result).values()]
    inputs = [x for x in found.done.inputs if x.dtype.kind in "fc"]
    if isinstance(found.after.result, (tuple, list)) and len(inputs) == 1 < len(shapes):
        return len({*shapes}) == len(shapes) and inputs[0].shape in shapes
    return all(x.shape in shapes for x in inputs)


def serves_all(base: Any, driver: ObjectDriver, bench: Bench) -> bool:
    """Whether one backward takes the upstream gradients of two forwards, as a list."""
    layer = copy_object(base)
    try:
        with seeded(bench.seed, *generator_roots(layer)):
            dones = [driver.run(layer, bench.inputs(draw), "forward") for draw in (0, 1)]
            upstreams = [upstream(done, bench.seed) for done in dones]
            found = driver.pull_back_all(layer, dones, upstreams)
    except LayerError:
        return False
    return all(
        isinstance(dx, np.ndarray) and dx.shape == x.shape
        for done, each in zip(dones, found, strict=True)
        for x, dx in zip(done.inputs, each.inputs, strict=True)
    )
