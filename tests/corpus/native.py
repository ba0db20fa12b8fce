"""The native layer: `predict`, `forward`, `backward(x, z, dz, memory)`, names of learnables."""

from __future__ import annotations

import numpy as np

from layercheck import Layer, Learnable
from tests.corpus.entry import normal, right, wrong


class Affine(Layer):
    """Columns are observations."""

    W = Learnable()
    b = Learnable(l2_factor=0.0)

    def __init__(self, units=3):
        self.units = units

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(self.units, layout.size[layout.find("C")])
            self.b = normal(self.units, 1)

    def predict(self, x):
        return self.W @ x + self.b

    def backward(self, x, z, dz, memory):
        return self.W.T @ dz, dz @ x.T, dz.sum(axis=1, keepdims=True)


class AffineInOtherOrder(Affine):
    """Returns the gradients of b and W in this order; W is a column, too."""

    def __init__(self):
        super().__init__(units=1)

    def initialize(self, layout):
        super().initialize(layout)
        self.W, self.b = np.array([[0.75]]), np.array([[0.25]])

    def backward(self, x, z, dz, memory):
        dx, dW, db = super().backward(x, z, dz, memory)
        return dx, db, dW


class PRelu:
    """One alpha per channel, summed over two fixed axes."""

    learnables = ("alpha",)

    def initialize(self, layout):
        self.alpha = layout.along("C", 0.25 + np.arange(layout.size[layout.find("C")]) / 8)

    def predict(self, x):
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, x, z, dz, memory):
        dalpha = np.sum(np.minimum(x, 0) * dz, axis=(0, 1, 3), keepdims=True)
        return np.where(x > 0, dz, self.alpha * dz), dalpha


class PReluSumsWrongAxes(PRelu):
    """The axes of images, used for every layout."""

    def backward(self, x, z, dz, memory):
        dx = np.where(x > 0, dz, self.alpha * dz)
        return dx, np.sum(np.minimum(x, 0) * dz, axis=(0, 1), keepdims=True)


class PReluSummedOverEverything(PRelu):
    def backward(self, x, z, dz, memory):
        dx, _ = super().backward(x, z, dz, memory)
        return dx, np.full_like(self.alpha, np.sum(np.minimum(x, 0) * dz))


class PReluBatchMean(PRelu):
    def backward(self, x, z, dz, memory):
        dx, dalpha = super().backward(x, z, dz, memory)
        return dx, dalpha / x.shape[-1]


class PReluFirstPixelOnly(PRelu):
    def backward(self, x, z, dz, memory):
        dx = np.where(x > 0, dz, self.alpha * dz)
        pixel = np.s_[:1, :1]
        return dx, np.sum(np.minimum(x, 0)[pixel] * dz[pixel], axis=(0, 1, 3), keepdims=True)


class LayerNorm:
    """With a forward pass that hands its memory to backward."""

    learnables = ("scale", "offset")

    def initialize(self, layout):
        channels = layout.size[-1]
        self.scale, self.offset = 1 + normal(channels), normal(channels)

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        std = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        xn = centred / std
        return self.scale * xn + self.offset, (xn, std)

    def backward(self, x, z, dz, memory):
        xn, std = memory
        others = tuple(range(x.ndim - 1))
        dxn = dz * self.scale
        mean = dxn.mean(axis=-1, keepdims=True)
        dx = (dxn - mean - xn * (dxn * xn).mean(axis=-1, keepdims=True)) / std
        return dx, (dz * xn).sum(axis=others), dz.sum(axis=others)


class LayerNormKeepsMemoryOnItself(LayerNorm):
    """Hands over a memory and uses what the last forward left on the object."""

    def forward(self, x):
        z, self.kept = super().forward(x)
        return z, self.kept

    def backward(self, x, z, dz, memory):
        return super().backward(x, z, dz, self.kept)


class Sum:
    """As many inputs as are asked for."""

    def __init__(self, count=3):
        self.num_inputs = count

    def predict(self, *inputs):
        return sum(inputs)

    def backward(self, *arguments):
        dz = arguments[self.num_inputs + 1]
        return (dz,) * self.num_inputs


class PolarForm:
    """Two inputs, two outputs."""

    num_outputs = 2

    def predict(self, a, b):
        return np.hypot(a, b), np.arctan2(b, a)

    def backward(self, a, b, r, angle, dr, dangle, memory):
        square = np.where(r > 0, r, 1) ** 2
        return (
            dr * a / np.sqrt(square) - dangle * b / square,
            dr * b / np.sqrt(square) + dangle * a / square,
        )


class PolarFormSignOfAngle(PolarForm):
    def backward(self, a, b, r, angle, dr, dangle, memory):
        return super().backward(a, b, r, angle, dr, -dangle, memory)


class Embedding:
    """Integers in, one row of W for each."""

    learnables = ("W",)

    def __init__(self):
        self.W = normal(9, 3)

    def predict(self, x):
        return self.W[x]

    def backward(self, x, z, dz, memory):
        dW = np.zeros_like(self.W)
        np.add.at(dW, x, dz)
        return None, dW


class EmbeddingSpillsOver(Embedding):
    """Adds every gradient to the next row."""

    def backward(self, x, z, dz, memory):
        dx, dW = super().backward(x, z, dz, memory)
        return dx, np.roll(dW, 1, axis=0)


class TwoLayers:
    """Composition: its learnables are those of the inner layers."""

    learnables = ("first", "second")

    def __init__(self):
        self.first = Affine(5)
        self.second = PRelu()

    def initialize(self, layout):
        self.first.initialize(layout)
        self.second.initialize(layout.with_size("C", 5))

    def predict(self, x):
        return self.second.predict(self.first.predict(x))

    def forward(self, x):
        hidden = self.first.predict(x)
        return self.second.predict(hidden), hidden

    def backward(self, x, z, dz, memory):
        dhidden = np.where(memory > 0, dz, self.second.alpha * dz)
        dalpha = np.sum(np.minimum(memory, 0) * dz, axis=1, keepdims=True)
        dx, dW, db = self.first.backward(x, memory, dhidden, None)
        return dx, dW, db, dalpha


class TwoLayersStopAtTheSecond(TwoLayers):
    """The inner gradient never passes the activation."""

    def backward(self, x, z, dz, memory):
        dalpha = super().backward(x, z, dz, memory)[-1]
        return (*self.first.backward(x, memory, dz, None), dalpha)


class Flatten:
    def predict(self, x):
        return x.reshape(-1, x.shape[-1])

    def backward(self, x, z, dz, memory):
        return dz.reshape(x.shape)

    def output_layout(self, layout):
        height, width, channels, observations = layout.size
        return layout.of("CB", (height * width * channels, observations))


class FlattenDeclaresTooFew(Flatten):
    def output_layout(self, layout):
        height, width, _, observations = layout.size
        return layout.of("CB", (height * width, observations))


_IMAGES = "SSCB:5,4,3,2"
_ALPHA = "gradients.learnable:alpha"

CORRECT = (
    right(Affine, "CB:6,4"),
    right(PRelu, _IMAGES),
    right(LayerNorm, "BTC:3,5,4"),
    right(Sum, "BC:4,6", "BC:4,6", "BC:4,6"),
    right(PolarForm, "BC:4,6", "BC:4,6"),
    right(Embedding, "BT:4,5", integers=(0, 9)),
    right(TwoLayers, "CB:6,4"),
    right(Flatten, _IMAGES),
    right(Flatten, "SSCB:5,?,3,?", name="native.Flatten at unknown sizes"),
)

BROKEN = (
    wrong(
        AffineInOtherOrder,
        "CB:1,4",
        fails="gradients.learnable:W gradients.learnable:b",
        note="Both gradients have the same shape.",
    ),
    wrong(PReluSumsWrongAxes, "CBT:3,4,5", fails="shapes.gradients"),
    wrong(PReluSummedOverEverything, _IMAGES, fails=_ALPHA),
    wrong(PReluBatchMean, _IMAGES, fails=f"{_ALPHA} batch.learnable_gradients_additive"),
    wrong(PReluFirstPixelOnly, _IMAGES, fails=_ALPHA),
    wrong(LayerNormKeepsMemoryOnItself, "BTC:3,5,4", fails="purity.backward_of_earlier_forward"),
    wrong(PolarFormSignOfAngle, "BC:4,6", "BC:4,6", fails="gradients.input:a gradients.input:b"),
    wrong(EmbeddingSpillsOver, "BT:4,5", integers=(0, 9), fails="gradients.learnable:W"),
    wrong(
        TwoLayersStopAtTheSecond,
        "CB:6,4",
        fails="gradients.input:x gradients.learnable:first.W gradients.learnable:first.b",
    ),
    wrong(FlattenDeclaresTooFew, _IMAGES, fails="shapes.output_layout"),
)
