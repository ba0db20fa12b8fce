"""Rounds of calls on one live layer, driven as its user drives it: nothing is copied.

Random numbers are the same as in the pure functions of the subject, so that results compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.outcome import Evaluations
from layercheck.randomness import Generators, State, seeded_defaults
from layercheck.subject import Arrays, Gradients, Instance, Mode, Pass


@dataclass(frozen=True)
class Ran:
    """A pass of a live layer, and where it left the random generators."""

    done: Pass
    generators: Generators
    stand: State

    @property
    def outputs(self) -> Arrays:
        """The outputs, by reference."""
        return self.done.outputs


class Live:
    """One live layer of a case, with the case's learnables and states.

    Parameters
    ----------
    case : Case
    point : Point, optional
        Whose learnables and states it holds; default: the layout's.
    instance : Instance, optional
        Take this layer instead of a new one.
    """

    def __init__(
        self, case: Case, point: Point | None = None, instance: Instance | None = None
    ) -> None:
        self.case = case
        self.point = point or case.point()
        self.instance = case.instance(self.point) if instance is None else instance

    def inputs(self) -> Arrays:
        """Return copies of the layout's generated inputs, for the layer to do as it likes."""
        return copies(self.case.point().inputs)

    def other_inputs(self) -> Arrays:
        """Return the same values in another order: each input the other way round."""
        return tuple(np.flip(x).copy() for x in self.case.point().inputs)

    def other_upstream(self, outputs: Sequence[Any]) -> Arrays:
        """Return upstream gradients other than those of the case."""
        return tuple(-d for d in self.case.upstream(outputs))

    def run(self, inputs: Sequence[Any], mode: Mode = "forward", *, seed: int | None = None) -> Ran:
        """Run one pass on these very arrays; raises `LayerError` where the layer does."""
        if mode == "forward" and self.case.subject.facts.one_pass:
            mode = "predict"
        seed = self.case.seed if seed is None else seed
        self.case.evaluations += Evaluations(forward=1)
        generators = Generators(*self.instance.roots())
        with generators.preserved():
            generators.seed(seed)
            with seeded_defaults(seed):
                done = self.instance.run(tuple(inputs), mode)
            after = Generators(*self.instance.roots())  # the pass may have made new ones
            return Ran(done, after, after.state())

    def pull_back(
        self,
        ran: Ran,
        upstream: Sequence[Any],
        state_upstream: Sequence[Any] | None = None,
    ) -> Gradients:
        """Run backward with these very arrays; raises `LayerError` where the layer does."""
        if state_upstream is None:
            state_upstream = self.state_upstream()
        self.case.evaluations += Evaluations(backward=1)
        generators = Generators(*self.instance.roots())
        with generators.preserved(), seeded_defaults(2**32 + 1):
            ran.generators.restore(ran.stand)
            return self.instance.pull_back(ran.done, tuple(upstream), state_upstream)

    def pull_back_all(
        self, rans: Sequence[Ran], upstreams: Sequence[Sequence[Any]]
    ) -> tuple[Gradients, ...]:
        """Run one backward for several passes, where the convention keeps them."""
        self.case.evaluations += Evaluations(backward=1)
        generators = Generators(*self.instance.roots())
        with generators.preserved(), seeded_defaults(2**32 + 1):
            rans[-1].generators.restore(rans[-1].stand)
            return self.instance.pull_back_all([ran.done for ran in rans], upstreams)

    def state_upstream(self) -> Arrays | None:
        """Return zeros for the states after the pass; None where backward takes none."""
        if not self.case.subject.facts.state_gradients:
            return None
        return tuple(np.zeros_like(np.asarray(state)) for state in self.instance.states())

    def reset(self) -> None:
        """Call the layer's own reset method, with every generator seeded from the case."""
        generators = Generators(*self.instance.roots())
        with generators.preserved(), seeded_defaults(self.case.seed):
            generators.seed(self.case.seed)
            self.instance.reset()

    def clear_gradients(self) -> None:
        """Empty gradient buffers that add up, where the layer has a method for it."""
        if self.case.subject.facts.clears_gradients:
            self.instance.clear_gradients()

    def restore(self, *, learnables: bool = True) -> None:
        """Write the states, and the learnables too, that the layer had at first."""
        values = self.point.learnables if learnables else copies(self.instance.learnables())
        self.instance.assign(values, self.point.states)


def copies(arrays: Sequence[Any]) -> Arrays:
    """Return copies as arrays; None stays None."""
    return tuple(None if a is None else np.array(a) for a in arrays)
