"""A model as a program: NumPy arrays in, NumPy arrays out, each call in the case's precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from layercheck import Gradients, Recorded, call_layer
from layercheck_jax.explaining import explained
from layercheck_jax.keys import KeySource
from layercheck_jax.passes import Passes
from layercheck_jax.precision import precision

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class _Tape:
    """The arguments of a pass; what pulls back, where the pass was not compiled."""

    mode: str
    given: tuple[Arrays, Arrays, Arrays]
    seed: Any
    pull_back: Any = None


class JaxProgram:
    """A layer of JAX in one dtype.

    Parameters
    ----------
    passes : Passes
        Shared by copies: they keep nothing but what was compiled.
    dtype : numpy dtype
    learnables, states : tuple of arrays
        In `dtype`.
    roots : tuple
        Where generators of NumPy may be.
    """

    def __init__(
        self,
        passes: Passes,
        dtype: np.dtype[Any],
        learnables: Arrays,
        states: Arrays,
        roots: tuple[Any, ...] = (),
    ) -> None:
        self.passes, self.dtype = passes, dtype
        self._learnables, self._states = learnables, states
        self._roots, self._keys = roots, KeySource()

    @property
    def layer(self) -> Any:
        """The user's object."""
        return self.passes.model.layer

    @layer.setter
    def layer(self, layer: Any) -> None:
        if layer is not self.layer:
            model = self.passes.model.replaced(layer)
            self.passes = Passes(model, is_compiled=self.passes.is_compiled)

    def copied(self) -> JaxProgram:
        """Return a program with keys of its own; nothing else is ever written to."""
        return JaxProgram(self.passes, self.dtype, self._learnables, self._states, self._roots)

    def generators(self) -> tuple[Any, ...]:
        """The random keys, and generators of NumPy that the layer's module holds."""
        return (self._keys, *self._roots)

    def learnables(self) -> Arrays:
        """The initial learnables."""
        return self._learnables

    def states(self) -> Arrays:
        """The initial states."""
        return self._states

    def run(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str, *, record: bool
    ) -> Recorded:
        """Run one pass."""
        given = _copies(learnables), _copies(states), _copies(inputs)
        seed = self._keys.draw()
        if record and not self.passes.is_compiled:
            (outputs, new), pull_back = self._call("backward()", "recorded", mode, given, seed)
            return Recorded(_to_numpy(outputs), _to_numpy(new), _Tape(mode, given, seed, pull_back))
        outputs, new = self._call("forward()", "forward", mode, given, seed)
        tape = _Tape(mode, given, seed) if self.passes.is_compiled else None
        return Recorded(_to_numpy(outputs), _to_numpy(new), tape)

    def pull_back(self, tape: _Tape, upstream: Arrays, state_upstream: Any) -> Gradients:
        """Run backward."""
        if tape.pull_back is None:
            found = self._call("backward()", "gradient", tape.mode, tape.given, tape.seed, upstream)
        else:
            with explained(), precision(self.dtype):
                found = call_layer("backward()", tape.pull_back, upstream)
        learnables, inputs = found
        return Gradients(_to_numpy(inputs), _to_numpy(learnables))

    def push_forward(
        self, learnables: Arrays, states: Arrays, inputs: Arrays, mode: str, along: Gradients
    ) -> tuple[Arrays, Arrays]:
        """Run forward mode."""
        given, directions = (learnables, states, inputs), (along.learnables, along.inputs)
        outputs, tangents = self._call(
            "jvp()", "tangent", mode, given, self._keys.draw(), directions
        )
        return _to_numpy(outputs), _to_numpy(tangents)

    def pull_back_twice(
        self,
        learnables: Arrays,
        states: Arrays,
        inputs: Arrays,
        mode: str,
        upstream: Arrays,
        along: Gradients,
    ) -> tuple[Gradients, Arrays, Gradients]:
        """Differentiate the gradients."""
        given, directions = (learnables, states, inputs), (along.learnables, along.inputs)
        (dw, dx), (ddw, ddx, of_upstream) = self._call(
            "backward()", "second", mode, given, self._keys.draw(), upstream, directions
        )
        return (
            Gradients(_to_numpy(dx), _to_numpy(dw)),
            _to_numpy(of_upstream),
            Gradients(_to_numpy(ddx), _to_numpy(ddw)),
        )

    def _call(self, call: str, name: str, mode: str, *arguments: Any) -> Any:
        with explained(), precision(self.dtype):
            return call_layer(call, self.passes.get(name, mode), *arguments)


def _copies(arrays: Arrays) -> Arrays:
    return tuple(np.array(array) for array in arrays)


def _to_numpy(arrays: Arrays) -> Arrays:
    return tuple(None if array is None else np.array(jax.device_get(array)) for array in arrays)
