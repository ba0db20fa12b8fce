"""Layers made of layers, whose gradients live in the children."""

from __future__ import annotations

from tests.corpus.activations import Gelu, Relu
from tests.corpus.entry import normal, right, wrong
from tests.corpus.several import Attention
from tests.corpus.stateful import AffineOfAnyRank, LayerNorm


class Mlp:
    def __init__(self):
        self.fc1 = AffineOfAnyRank(normal(6, 5), normal(5))
        self.act = Gelu()
        self.fc2 = AffineOfAnyRank(normal(5, 3), normal(3))

    def forward(self, x):
        return self.fc2.forward(self.act.forward(self.fc1.forward(x)))

    def backward(self, dout):
        return self.fc1.backward(self.act.backward(self.fc2.backward(dout)))


class MlpSkipsTheActivation(Mlp):
    def backward(self, dout):
        return self.fc1.backward(self.fc2.backward(dout))


class MlpStopsAtTheSecondLayer(Mlp):
    """Computes dx and never asks the first layer for the gradients of its parameters."""

    def backward(self, dout):
        dhidden = self.act.backward(self.fc2.backward(dout))
        self.fc1.backward(0 * dhidden)
        return dhidden @ self.fc1.W.T


class Sequential:
    def __init__(self):
        self.layers = [
            AffineOfAnyRank(normal(6, 4), normal(4)),
            Relu(),
            AffineOfAnyRank(normal(4, 4), normal(4)),
        ]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class ResidualBlock:
    def __init__(self):
        self.norm = LayerNorm(1 + normal(6), normal(6))
        self.fc = AffineOfAnyRank(normal(6, 6), normal(6))

    def forward(self, x):
        return x + self.fc.forward(self.norm.forward(x))

    def backward(self, dout):
        return dout + self.norm.backward(self.fc.backward(dout))


class ResidualBlockWithoutShortcut(ResidualBlock):
    def backward(self, dout):
        return self.norm.backward(self.fc.backward(dout))


class ResidualBlockAddsUpInPlace(ResidualBlock):
    def backward(self, dout):
        branch = self.norm.backward(self.fc.backward(dout))
        dout += branch
        return dout


class SelfAttention:
    """Queries, keys and values of one input."""

    def __init__(self):
        self.query = AffineOfAnyRank(normal(4, 3), normal(3))
        self.key = AffineOfAnyRank(normal(4, 3, seed=1), normal(3, seed=1))
        self.value = AffineOfAnyRank(normal(4, 2), normal(2))
        self.attention = Attention()

    def forward(self, x):
        q, k, v = (part.forward(x) for part in (self.query, self.key, self.value))
        return self.attention.forward(q, k, v)

    def backward(self, dout):
        dq, dk, dv = self.attention.backward(dout)
        return self.query.backward(dq) + self.key.backward(dk) + self.value.backward(dv)


class SelfAttentionKeepsTheLastPath(SelfAttention):
    def backward(self, dout):
        dq, dk, dv = self.attention.backward(dout)
        self.query.backward(dq)
        self.key.backward(dk)
        return self.value.backward(dv)


class TiedAutoencoder:
    """One weight, used twice: x W, then (.) W^T."""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        self.code = x @ self.W
        return self.code @ self.W.T

    def backward(self, dout):
        dcode = dout @ self.W
        self.dW = self.x.T @ dcode + dout.T @ self.code
        return dcode @ self.W.T


class TiedAutoencoderCountsOnce(TiedAutoencoder):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.x.T @ (dout @ self.W)
        return dx


_TIED = {"W": normal(6, 2)}

CORRECT = (
    right(Mlp, "BC:4,6"),
    right(Sequential, "BC:4,6"),
    right(ResidualBlock, "BC:4,6"),
    right(SelfAttention, "BTC:3,5,4"),
    right(TiedAutoencoder, "BC:5,6", init=_TIED),
)

BROKEN = (
    wrong(
        MlpSkipsTheActivation,
        "BC:4,6",
        fails="gradients.input:x gradients.learnable:fc1.W gradients.learnable:fc1.b",
    ),
    wrong(
        MlpStopsAtTheSecondLayer,
        "BC:4,6",
        fails="gradients.learnable:fc1.W gradients.learnable:fc1.b "
        "gradients.reaches_all_learnables",
    ),
    wrong(ResidualBlockWithoutShortcut, "BC:4,6", fails="gradients.input:x"),
    wrong(
        ResidualBlockAddsUpInPlace,
        "BC:4,6",
        fails="purity.upstream_unchanged purity.strided_inputs",
    ),
    wrong(SelfAttentionKeepsTheLastPath, "BTC:3,5,4", fails="gradients.input:x"),
    wrong(TiedAutoencoderCountsOnce, "BC:5,6", init=_TIED, fails="gradients.learnable:W"),
)
