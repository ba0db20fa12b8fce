"""One live NumPy layer, driven by its convention; and how new ones are built."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from layercheck.conventions.places import Place
from layercheck.conventions.tree import sublayers
from layercheck.copying import copy_object
from layercheck.devices.border import substitute
from layercheck.layout import Layout
from layercheck.residence import is_on_host, resident
from layercheck.subject import Array, Arrays, Gradients, Instance, Mode, Pass


class Driver(Protocol):
    """How one convention is called. A driver keeps nothing between calls."""

    def run(self, layer: Any, inputs: Arrays, mode: Mode) -> Pass:
        """Run one pass of `layer`."""

    def pull_back(
        self, layer: Any, done: Pass, upstream: Arrays, state_upstream: Arrays | None
    ) -> Gradients:
        """Run backward of `layer`, after the pass `done`."""

    def reset(self, layer: Any) -> None:
        """Call the layer's reset method."""

    def clear_gradients(self, layer: Any) -> None:
        """Call the layer's method that empties its gradient buffers."""


class AccumulatingDriver(Driver, Protocol):
    """How a convention is called that keeps several forwards."""

    def pull_back_all(
        self, layer: Any, dones: Sequence[Pass], upstreams: Sequence[Arrays]
    ) -> tuple[Gradients, ...]:
        """Run one backward of `layer` for several forwards."""


@dataclass
class LiveLayer:
    """An `Instance` made of a user's object, its driver, and where its arrays live."""

    layer: Any
    driver: Driver
    learnable_places: tuple[Place, ...]
    state_places: tuple[Place, ...]
    first_states: Arrays = ()
    gradient_places: tuple[Place, ...] = ()

    def roots(self) -> tuple[Any, ...]:
        """The layer, its class's attributes and its module's globals."""
        return generator_roots(self.layer)

    def assign(self, learnables: Sequence[Array], states: Sequence[Array]) -> None:
        """Write copies of the values into the layer.

        States are replaced and not overwritten, as a pass does: the memory of an earlier pass
        may hold the very array that it left as a state.
        """
        for place, value in zip(self.learnable_places, learnables, strict=True):
            place.write(self.layer, value)
        for place, value in zip(self.state_places, states, strict=True):
            place.replace(self.layer, value)

    def learnables(self) -> Arrays:
        """The live learnables."""
        return tuple(place.find(self.layer) for place in self.learnable_places)

    def states(self) -> Arrays:
        """The live states; one that was reset to None has its first value again."""
        found = [place.find(self.layer) for place in self.state_places]
        for number, first in enumerate(self.first_states):
            if found[number] is None:
                found[number] = first.copy()
        return tuple(found)

    def move(self) -> None:
        """Let learnables, states and gradient buffers live on the device, wherever they are held.

        Nothing else does: what a layer keeps beside them stays where it made it.
        """
        places = (*self.learnable_places, *self.state_places, *self.gradient_places)
        held = [(place, place.find(self.layer)) for place in places]
        arrays = {id(value): resident(value) for _, value in held if is_on_host(value)}
        substitute(self.layer, lambda value: arrays.get(id(value), value))
        for place, value in held:
            if is_on_host(place.find(self.layer)):  # an array of its class
                place.put(self.layer, arrays[id(value)])

    def run(self, inputs: Sequence[Array], mode: Mode) -> Pass:
        """Run one pass."""
        return self.driver.run(self.layer, tuple(inputs), mode)

    def pull_back(
        self, done: Pass, upstream: Sequence[Array], state_upstream: Sequence[Array] | None = None
    ) -> Gradients:
        """Run backward for the pass `done`."""
        states = None if state_upstream is None else tuple(state_upstream)
        return self.driver.pull_back(self.layer, done, tuple(upstream), states)

    def pull_back_all(
        self, dones: Sequence[Pass], upstreams: Sequence[Sequence[Array]]
    ) -> tuple[Gradients, ...]:
        """Run one backward for several forwards."""
        driver = cast(AccumulatingDriver, self.driver)
        return driver.pull_back_all(self.layer, dones, [tuple(each) for each in upstreams])

    def reset(self) -> None:
        """Call the layer's reset method."""
        self.driver.reset(self.layer)

    def clear_gradients(self) -> None:
        """Call the layer's method that empties its gradient buffers."""
        self.driver.clear_gradients(self.layer)

    def copied(self, done: Pass) -> tuple[Instance, Pass]:
        """Return a deep copy of this and of `done`, what they share being shared."""
        copies: tuple[Instance, Pass] = copy_object((self, done))
        return copies


def generator_roots(layer: Any) -> tuple[Any, ...]:
    """Return a layer, and the generators in its classes and modules and those of its parts."""
    classes = {id(type(item)): type(item) for item in (layer, *sublayers(layer).values())}
    modules = {sys.modules.get(cls.__module__) for cls in classes.values()}
    modules |= {sys.modules.get(name) for name in getattr(layer, "module_names", ())}
    shared = [dict(vars(base)) for cls in classes.values() for base in cls.__mro__[:-1]]
    shared += [dict(vars(module)) for module in modules if module and _is_user_module(module)]
    held = [value for names in shared for value in names.values()]
    unique = {id(value): value for value in held if _is_generator(value)}
    return (layer, *unique.values())


def _is_generator(value: Any) -> bool:
    # the type and not __class__, which an object of the user's may refuse to tell
    return issubclass(type(value), (np.random.Generator, np.random.RandomState))


def _is_user_module(module: Any) -> bool:
    return module.__name__.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}


def builder(
    prepare: Callable[[tuple[Layout, ...]], Any],
    driver: Driver,
    learnable_places: tuple[Place, ...],
    state_places: tuple[Place, ...],
    gradient_places: tuple[Place, ...] = (),
) -> Callable[[np.dtype[Any], tuple[Layout, ...]], Instance]:
    """Return the function that builds new live layers in a dtype.

    Learnables, states and gradient buffers get that dtype. Other arrays of a lower precision are
    promoted, so that the layer can be verified in float64; those of a higher precision are kept:
    that a constant silently promotes the output is for a check to find.

    Parameters
    ----------
    prepare : callable, layouts -> layer
        A layer initialised for the layouts; it is copied before use.
    """
    prepared: dict[tuple[Layout, ...], Any] = {}
    in_dtype: dict[tuple[Any, ...], Any] = {}
    owned = (*learnable_places, *state_places, *gradient_places)

    def build(dtype: np.dtype[Any], layouts: tuple[Layout, ...]) -> Instance:
        key = (dtype, layouts)
        if key not in in_dtype:
            if layouts not in prepared:
                prepared[layouts] = prepare(layouts)
            in_dtype[key] = _cast_layer(prepared[layouts], dtype, owned)
        layer = copy_object(in_dtype[key])
        first_states = tuple(place.find(in_dtype[key]) for place in state_places)
        return LiveLayer(
            layer, driver, learnable_places, state_places, first_states, gradient_places
        )

    return build


def _cast_layer(layer: Any, dtype: np.dtype[Any], owned: tuple[Place, ...]) -> Any:
    held = {id(place.find(layer)) for place in owned}

    def cast(array: np.ndarray) -> np.dtype[Any]:
        if array.dtype.kind not in "fc":
            return array.dtype
        target = np.result_type(dtype, np.complex64) if array.dtype.kind == "c" else dtype
        return target if id(array) in held else np.promote_types(array.dtype, target)

    copied = copy_object(layer, cast)
    for place in owned:
        value = place.find(copied)
        if isinstance(value, np.floating):
            place.put(copied, value.astype(dtype))
    return copied
