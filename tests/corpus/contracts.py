"""Layers that do not keep the contract of a layer."""

from __future__ import annotations

import numpy as np

from layercheck import Layer, Learnable
from tests.corpus.entry import normal, right, wrong


class Scale:
    learnables = ("scale",)

    def __init__(self):
        self.scale = None

    def initialize(self, layout):
        if self.scale is None:
            self.scale = layout.along("C", 1 + normal(layout.size[layout.find("C")]))

    def predict(self, x):
        return self.scale * x

    def backward(self, x, z, dz, memory):
        others = tuple(axis for axis, n in enumerate(self.scale.shape) if n == 1)
        return self.scale * dz, (x * dz).sum(axis=others, keepdims=True)


class CannotBeBuilt(Scale):
    def __init__(self):
        raise ValueError("no scale for me")


class DrawsAgainInInitialize(Scale):
    """A second call throws the learned values away."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def initialize(self, layout):
        self.scale = layout.along("C", self.rng.normal(size=layout.size[layout.find("C")]))


class TakesTheHeightForTheChannels(Scale):
    """Right as long as images have as many channels as rows."""

    def initialize(self, layout):
        if self.scale is None:
            self.scale = layout.along("C", 1 + normal(layout.size[0]))


class StartsAtInfinity(Scale):
    """One learnable that predict does not read is not finite."""

    learnables = ("scale", "limit")

    def initialize(self, layout):
        super().initialize(layout)
        self.limit = np.array([np.inf])

    def backward(self, x, z, dz, memory):
        return (*super().backward(x, z, dz, memory), np.zeros(1, dz.dtype))


class BackwardTakesTheUpstreamAlone(Scale):
    def backward(self, x, dz):
        return super().backward(x, None, dz, None)


class BackwardForgetsTheLearnable(Scale):
    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory)[0]


class ForwardWithoutMemory(Scale):
    def forward(self, x):
        return self.predict(x)


class NegativeLearnRate(Layer):
    scale = Learnable(learn_rate_factor=-1.0)

    def __init__(self):
        self.scale = np.array(1.5)

    def predict(self, x):
        return self.scale * x

    def backward(self, x, z, dz, memory):
        return self.scale * dz, np.sum(x * dz)


class DeclaresWhatIsNotThere(Scale):
    learnables = ("scale", "offset")

    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, memory)


class WithoutWeightGradient:
    """Stateful; nothing holds the gradient of the declared gain."""

    __layercheck__ = {"learnable": "gain"}  # noqa: RUF012

    def __init__(self):
        self.gain = 1 + normal(6)

    def forward(self, x):
        self.x = x
        return x * self.gain

    def backward(self, dout):
        return dout * self.gain


class ForgetsItsFactorWhenCopied:
    """A state for pickling that leaves out an argument of the constructor."""

    factor = 1.0

    def __init__(self, factor):
        self.factor = factor

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        pass

    def predict(self, x):
        return self.factor * x

    def backward(self, x, z, dz, memory):
        return self.factor * dz


CORRECT = (right(Scale, "SSCB:5,4,3,2"), right(Scale, "BTC:2,5,3", name="contracts.Scale of BTC"))

BROKEN = (
    wrong(CannotBeBuilt, "BC:4,6", fails="contract.construct"),
    wrong(DrawsAgainInInitialize, "BC:4,6", fails="contract.initialize"),
    wrong(TakesTheHeightForTheChannels, "SSCB:5,4,5,3", fails="contract.initialize"),
    wrong(StartsAtInfinity, "BC:4,6", fails="contract.initialize"),
    wrong(BackwardTakesTheUpstreamAlone, "BC:4,6", fails="contract.signatures"),
    wrong(BackwardForgetsTheLearnable, "BC:4,6", fails="contract.signatures"),
    wrong(ForwardWithoutMemory, "BC:4,6", fails="contract.signatures"),
    wrong(NegativeLearnRate, "BC:4,6", fails="contract.signatures"),
    wrong(DeclaresWhatIsNotThere, "BC:4,6", fails="contract.learnables_found contract.initialize"),
    wrong(WithoutWeightGradient, "BC:4,6", fails="contract.learnables_found"),
    wrong(
        ForgetsItsFactorWhenCopied, "BC:4,6", init={"factor": 3.0}, fails="contract.copy_and_pickle"
    ),
)
