"""The driver of layers that are objects with a forward and a backward method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.calling import call_layer
from layercheck.conventions.calls import BackwardCall, ForwardCall
from layercheck.conventions.pairing import is_number
from layercheck.conventions.places import Place
from layercheck.conventions.recorder import clear, records
from layercheck.conventions.returns import as_arrays, counted, returned
from layercheck.conventions.sources import After, Updated, Where
from layercheck.subject import Arrays, Gradients, Mode, Pass


@dataclass(frozen=True)
class Results:
    """Where the outputs of a pass are.

    Parameters
    ----------
    places : tuple of Place
        Attributes that hold them; empty where the pass returns them.
    count : int or None
        The number of outputs; None: all that is returned.
    ignored : int
        How many more things the pass returns, after the outputs and before the memory.
    memory : bool
        The last thing that the pass returns is for backward.
    """

    places: tuple[Place, ...] = ()
    count: int | None = None
    ignored: int = 0
    memory: bool = False

    def split(self, layer: Any, name: str, value: Any) -> tuple[Arrays, Any]:
        """Return the outputs and the memory of a pass that returned `value`."""
        method = getattr(layer, name)
        if self.places:
            return as_arrays(method, name, (place.find(layer) for place in self.places)), None
        things = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        memory = None
        if self.memory and len(things) > 1:
            *head, memory = things
            things = tuple(head)
        wanted = len(things) if self.count is None else self.count
        if len(things) not in (wanted, wanted + self.ignored):
            count = counted(len(things), "value")
            raise returned(method, name, f"returned {count}; expected {counted(wanted, 'output')}.")
        return as_arrays(method, name, things[:wanted]), memory


def _one_of(value: Any, number: int, count: int) -> Any:
    """Return what belongs to one of several forwards; None where it is no list of them."""
    if isinstance(value, (list, tuple)) and len(value) == count:
        return value[number]
    return None


@dataclass(frozen=True)
class ObjectDriver:
    """How one object is called; where its outputs and gradients are.

    Parameters
    ----------
    backward : BackwardCall or None
    inputs, learnables : tuple of Where or None
        Where the gradient of each is.
    wanted : (int, str) or None
        How many things backward must return, and what they are in words.
    """

    forward: ForwardCall
    results: Results
    backward: BackwardCall | None
    inputs: tuple[Where | None, ...] = ()
    learnables: tuple[Where | None, ...] = ()
    places: tuple[Place, ...] = ()
    wanted: tuple[int, str] | None = None
    reset_method: str | None = None
    clear_method: str | None = None

    def run(self, layer: Any, inputs: Arrays, mode: Mode) -> Pass:
        """Run one pass."""
        value = self.forward(layer, inputs, mode)
        outputs, memory = self.results.split(layer, self.forward.name(mode), value)
        return Pass(mode, inputs, outputs, memory)

    def pull_back(
        self, layer: Any, done: Pass, upstream: Arrays, state_upstream: Arrays | None
    ) -> Gradients:
        """Run backward and read the gradients where they are."""
        after = self.after(layer, done, upstream)
        self._require_count(layer, after.result)
        return Gradients(
            tuple(self._read(where, after) for where in self.inputs),
            tuple(self._read(where, after) for where in self.learnables),
        )

    def pull_back_all(
        self, layer: Any, dones: Sequence[Pass], upstreams: Sequence[Arrays]
    ) -> tuple[Gradients, ...]:
        """Run one backward for several forwards, with a list of their upstream gradients.

        Each has the input gradients of one forward; the gradients of learnables are the sum.
        """
        together = tuple([each[i] for each in upstreams] for i in range(len(upstreams[0])))
        after = self.after(layer, dones[-1], together)
        learnables = tuple(self._read(where, after) for where in self.learnables)
        gradients = []
        for number in range(len(dones)):
            values = [None if w is None else w.read(after) for w in self.inputs]
            inputs = tuple(_one_of(value, number, len(dones)) for value in values)
            gradients.append(Gradients(inputs, learnables))
        return tuple(gradients)

    def after(self, layer: Any, done: Pass, upstream: Arrays) -> After:
        """Run backward and return the layer after it."""
        assert self.backward is not None
        live = {place: place.find(layer) for place in self.places}
        before: dict[Place, Any] = {}
        if any(isinstance(where, Updated) for where in self.learnables):
            before = {place: np.array(value) for place, value in live.items()}
        clear(layer)
        result = self.backward(layer, done, upstream)
        return After(layer, result, live, before, records(layer))

    def _require_count(self, layer: Any, result: Any) -> None:
        if self.wanted is None or self.backward is None:
            return
        count, meaning = self.wanted
        things = tuple(result) if isinstance(result, (tuple, list, dict)) else (result,)
        if len(things) != count:
            raise returned(
                getattr(layer, self.backward.method),
                self.backward.method,
                f"returned {counted(len(things), 'value')}; expected {meaning}.",
            )

    def _read(self, where: Where | None, after: After) -> Any:
        value = None if where is None else where.read(after)
        if value is None or isinstance(value, np.ndarray):
            return value
        if is_number(value):
            return np.asarray(value)
        assert self.backward is not None
        raise returned(
            getattr(after.layer, self.backward.method),
            self.backward.method,
            f"gives a {type(value).__name__} where a gradient is expected.",
        )

    def reset(self, layer: Any) -> None:
        """Call the layer's reset method."""
        self._call(layer, self.reset_method)

    def clear_gradients(self, layer: Any) -> None:
        """Call the layer's method that empties its gradient buffers."""
        self._call(layer, self.clear_method)

    def _call(self, layer: Any, name: str | None) -> None:
        if name is not None:
            call_layer(f"{name}()", getattr(layer, name))
