"""z = w x^3 as a program of a framework that this file is, with every derivative written out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from layercheck import Facts, Gradients, Layout, Recorded, Slot, Source, Subject, program_builder


@dataclass
class Cubic:
    """The layer: factors of its derivatives, 1 where they are right."""

    first: float = 1.0
    second: float = 1.0
    mixed: float = 1.0
    tangent: float = 1.0
    draws: float = 0.0
    writes: bool = False
    runs: int = 0


class CubicProgram:
    def __init__(self, layer, dtype):
        self.layer, self.dtype = layer, dtype

    def copied(self):
        return CubicProgram(replace(self.layer), self.dtype)

    def generators(self):
        return ()

    def learnables(self):
        return (np.array([0.5, -1.5], self.dtype),)

    def states(self):
        return ()

    def run(self, learnables, states, inputs, mode, *, record):
        self.layer.runs += 1
        (x,), (w,) = inputs, learnables
        noise = self.layer.draws * np.random.standard_normal()
        z = w * x**3 * (1 + noise)
        return Recorded((z,), (), [x.copy(), w, noise] if record else None)

    def pull_back(self, tape, upstream, state_upstream):
        x, w, noise = tape
        (d,) = upstream
        dx = self.layer.first * 3 * d * w * x**2 * (1 + noise)
        dw = np.sum(d * x**3, axis=0) * (1 + noise)
        if self.layer.writes:
            tape[0] = 2 * x
        return Gradients((dx,), (dw,))

    def push_forward(self, learnables, states, inputs, mode, along):
        (x,), (w,) = inputs, learnables
        (v,), (u,) = along.inputs, along.learnables
        return (w * x**3,), (self.layer.tangent * 3 * w * x**2 * v + u * x**3,)

    def pull_back_twice(self, learnables, states, inputs, mode, upstream, along):
        (x,), (w,), (d,) = inputs, learnables, upstream
        (v,), (u,) = along.inputs, along.learnables
        first = self.pull_back([x, w, 0.0], upstream, None)
        of_upstream = 3 * w * x**2 * v + u * x**3
        dx = self.layer.second * 6 * d * w * x * v + 3 * self.layer.mixed * d * u * x**2
        dw = np.sum(3 * d * x**2 * v, axis=0)
        return first, (of_upstream,), Gradients((dx,), (dw,))


def subject(layer=None, layout="BC:3,2", *, pure=False, **facts):
    """The subject of z = w x^3."""
    layer = Cubic() if layer is None else layer
    known = {"backward": "autodiff", "second_order": True, "forward_mode": True, **facts}
    return Subject(
        name="Cubic",
        framework="cubic",
        convention="program",
        layer=layer,
        source=Source(),
        sources={},
        input_names=("x",),
        layouts=(Layout.parse(layout),),
        learnables=(Slot("w", np.array([0.5, -1.5]), "parameter", "autodiff"),),
        states=(),
        facts=Facts(memory="handed over", **known),
        build=program_builder(lambda dtype, at: CubicProgram(layer, dtype), pure=pure),
    )
