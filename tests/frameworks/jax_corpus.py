"""The layers that Flax and Equinox ship, with natural layouts, and what they really fail."""

from __future__ import annotations

from dataclasses import dataclass, field

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx


@dataclass(frozen=True)
class Entry:
    """A layer, how it is checked, and the ids that it fails with the reason."""

    make: object
    layouts: tuple[str, ...]
    options: dict = field(default_factory=dict)
    fails: dict[str, str] = field(default_factory=dict)


def entry(make, *layouts, fails=None, **options):
    return Entry(make, layouts, options, fails or {})


KEY = jax.random.key(7)


def rngs():
    return nnx.Rngs(7)


class Attention(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic: bool):
        return nn.MultiHeadDotProductAttention(num_heads=2, dropout_rate=0.1)(
            x, deterministic=deterministic
        )


class Residual(nn.Module):
    @nn.compact
    def __call__(self, x):
        z = nn.LayerNorm()(x)
        z = nn.Dense(2 * x.shape[-1])(z)
        return x + nn.Dense(x.shape[-1])(nn.gelu(z))


class ConvNet(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(4, (3, 3))(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.max_pool(nn.relu(x), (2, 2), (2, 2))
        return nn.Dense(3)(x.reshape(x.shape[0], -1))


LINEN = {
    "Dense": entry(lambda: nn.Dense(3), "BC:4,5"),
    "DenseGeneral": entry(lambda: nn.DenseGeneral((2, 3), axis=-1), "BTC:3,4,5"),
    "Einsum": entry(lambda: nn.Einsum((5, 2, 3), "btc,chd->bthd"), "BTC:3,4,5"),
    "Conv": entry(lambda: nn.Conv(3, (3, 3)), "BSSC:2,6,5,2"),
    "Conv strided": entry(lambda: nn.Conv(4, (3,), strides=2, padding="VALID"), "BSC:3,9,2"),
    "Conv grouped": entry(
        lambda: nn.Conv(4, (3, 3), feature_group_count=2, kernel_dilation=2), "BSSC:2,6,6,2"
    ),
    "ConvTranspose": entry(lambda: nn.ConvTranspose(3, (3, 3), strides=(2, 2)), "BSSC:2,3,4,2"),
    "ConvLocal": entry(lambda: nn.ConvLocal(2, (3,)), "BSC:2,6,3"),
    "Embed": entry(lambda: nn.Embed(10, 4), "BT:3,5", integers=(0, 10)),
    "BatchNorm": entry(lambda: nn.BatchNorm(), "BC:6,4"),
    "LayerNorm": entry(lambda: nn.LayerNorm(), "BC:4,6"),
    "RMSNorm": entry(lambda: nn.RMSNorm(), "BC:4,6"),
    "GroupNorm": entry(lambda: nn.GroupNorm(num_groups=2), "BSSC:2,3,3,4"),
    "InstanceNorm": entry(lambda: nn.InstanceNorm(), "BSSC:2,4,3,3"),
    "WeightNorm": entry(lambda: nn.WeightNorm(nn.Dense(3)), "BC:4,5"),
    "Dropout": entry(lambda: nn.Dropout(0.5), "BC:30,40"),
    "PReLU": entry(lambda: nn.PReLU(), "BC:4,5"),
    "SelfAttention": entry(Attention, "BTC:2,4,6"),
    "MultiHeadDotProductAttention": entry(
        lambda: nn.MultiHeadDotProductAttention(2), "BTC:2,4,6", "BTC:2,3,6"
    ),
    "LSTMCell": entry(lambda: nn.LSTMCell(3), "carry.0=BC:4,3", "carry.1=BC:4,3", "inputs=BC:4,5"),
    "GRUCell": entry(lambda: nn.GRUCell(3), "BC:4,3", "BC:4,5"),
    "SimpleCell": entry(lambda: nn.SimpleCell(3), "BC:4,3", "BC:4,5"),
    "MGUCell": entry(lambda: nn.MGUCell(3), "BC:4,3", "BC:4,5"),
    "RNN": entry(lambda: nn.RNN(nn.LSTMCell(3)), "BTC:3,4,2"),
    "Bidirectional": entry(
        lambda: nn.Bidirectional(nn.RNN(nn.GRUCell(2)), nn.RNN(nn.GRUCell(2))), "BTC:2,3,2"
    ),
    "Sequential": entry(lambda: nn.Sequential([nn.Dense(4), nn.tanh, nn.Dense(2)]), "BC:4,3"),
    "Residual": entry(Residual, "BTC:2,3,4"),
    "ConvNet": entry(ConvNet, "BSSC:4,6,6,2"),
}


class NnxNet(nnx.Module):
    def __init__(self, *, rngs):
        self.first = nnx.Linear(5, 6, rngs=rngs)
        self.norm = nnx.LayerNorm(6, rngs=rngs)
        self.drop = nnx.Dropout(0.3, rngs=rngs)
        self.last = nnx.Linear(6, 2, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(jax.nn.silu(self.norm(self.first(x)))))


NNX = {
    "Linear": entry(lambda: nnx.Linear(5, 3, rngs=rngs()), "BC:4,5"),
    "LinearGeneral": entry(lambda: nnx.LinearGeneral(5, (2, 3), rngs=rngs()), "BTC:3,4,5"),
    "Einsum": entry(
        lambda: nnx.Einsum("btc,chd->bthd", (5, 2, 3), (2, 3), rngs=rngs()), "BTC:3,4,5"
    ),
    "Conv": entry(lambda: nnx.Conv(2, 3, (3, 3), rngs=rngs()), "BSSC:2,6,5,2"),
    "ConvTranspose": entry(
        lambda: nnx.ConvTranspose(2, 3, (3, 3), strides=(2, 2), rngs=rngs()), "BSSC:2,3,4,2"
    ),
    "Embed": entry(lambda: nnx.Embed(10, 4, rngs=rngs()), "BT:3,5", integers=(0, 10)),
    "BatchNorm": entry(lambda: nnx.BatchNorm(4, rngs=rngs()), "BC:6,4"),
    "LayerNorm": entry(lambda: nnx.LayerNorm(6, rngs=rngs()), "BC:4,6"),
    "RMSNorm": entry(lambda: nnx.RMSNorm(6, rngs=rngs()), "BC:4,6"),
    "GroupNorm": entry(lambda: nnx.GroupNorm(4, num_groups=2, rngs=rngs()), "BSSC:2,3,3,4"),
    "Dropout": entry(lambda: nnx.Dropout(0.5, rngs=rngs()), "BC:30,40"),
    "MultiHeadAttention": entry(
        lambda: nnx.MultiHeadAttention(2, 6, decode=False, rngs=rngs()), "BTC:2,4,6"
    ),
    "LoRA": entry(lambda: nnx.LoRA(5, 2, 3, rngs=rngs()), "BC:4,5"),
    "GRUCell": entry(lambda: nnx.GRUCell(5, 3, rngs=rngs()), "BC:4,3", "BC:4,5"),
    "LSTMCell": entry(
        lambda: nnx.LSTMCell(5, 3, rngs=rngs()),
        "carry.0=BC:4,3",
        "carry.1=BC:4,3",
        "inputs=BC:4,5",
    ),
    "RNN": entry(lambda: nnx.RNN(nnx.GRUCell(2, 3, rngs=rngs()), rngs=rngs()), "BTC:3,4,2"),
    "Sequential": entry(
        lambda: nnx.Sequential(
            nnx.Linear(3, 4, rngs=rngs()), jnp.tanh, nnx.Linear(4, 2, rngs=rngs())
        ),
        "BC:4,3",
    ),
    "NnxNet": entry(lambda: NnxNet(rngs=rngs()), "BC:4,5"),
}

EQUINOX = {
    "Linear": entry(lambda: eqx.nn.Linear(5, 3, key=KEY), "BC:4,5"),
    "Linear, one observation": entry(lambda: eqx.nn.Linear(5, 3, key=KEY), "C:5"),
    "Conv1d": entry(lambda: eqx.nn.Conv1d(2, 3, 3, key=KEY), "BCS:3,2,7"),
    "Conv2d": entry(lambda: eqx.nn.Conv2d(2, 3, 3, padding=1, key=KEY), "BCSS:2,2,5,6"),
    "Conv3d": entry(lambda: eqx.nn.Conv3d(1, 2, 2, key=KEY), "BCSSS:2,1,3,3,4"),
    "ConvTranspose2d": entry(
        lambda: eqx.nn.ConvTranspose2d(2, 3, 3, stride=2, key=KEY), "BCSS:2,2,3,4"
    ),
    "Embedding": entry(lambda: eqx.nn.Embedding(10, 4, key=KEY), "B:6", integers=(0, 10)),
    "GRUCell": entry(lambda: eqx.nn.GRUCell(5, 3, key=KEY), "BC:4,5", "BC:4,3"),
    "LSTMCell": entry(
        lambda: eqx.nn.LSTMCell(5, 3, key=KEY), "input=BC:4,5", "hidden.0=BC:4,3", "hidden.1=BC:4,3"
    ),
    "LayerNorm": entry(lambda: eqx.nn.LayerNorm(6), "BC:4,6"),
    "RMSNorm": entry(lambda: eqx.nn.RMSNorm(6), "BC:4,6"),
    "GroupNorm": entry(lambda: eqx.nn.GroupNorm(2, 4), "BCSS:2,4,3,3"),
    "BatchNorm": entry(lambda: eqx.nn.BatchNorm(4, axis_name="batch", mode="batch"), "BC:6,4"),
    "BatchNorm, ema": entry(lambda: eqx.nn.BatchNorm(4, axis_name="b", mode="ema"), "BC:6,4"),
    "SpectralNorm": entry(
        lambda: eqx.nn.SpectralNorm(eqx.nn.Linear(5, 3, key=KEY), "weight", key=KEY),
        "C:5",
        fails={
            "gradients.learnable:layer.weight": "its singular vectors follow the weight, and are "
            "constants to autodiff (stop_gradient), as in the paper"
        },
    ),
    "WeightNorm": entry(lambda: eqx.nn.WeightNorm(eqx.nn.Linear(5, 3, key=KEY)), "BC:4,5"),
    "Dropout": entry(lambda: eqx.nn.Dropout(0.5), "BC:30,40"),
    "MLP": entry(lambda: eqx.nn.MLP(5, 2, 4, 2, activation=jnp.tanh, key=KEY), "BC:4,5"),
    "Sequential": entry(
        lambda: eqx.nn.Sequential(
            [eqx.nn.Linear(3, 4, key=KEY), eqx.nn.Lambda(jax.nn.relu), eqx.nn.Dropout(0.2)]
        ),
        "BC:4,3",
    ),
    "MultiheadAttention": entry(
        lambda: eqx.nn.MultiheadAttention(2, 6, key=KEY), "BTC:2,4,6", "BTC:2,3,6", "BTC:2,3,6"
    ),
    "RotaryPositionalEmbedding": entry(lambda: eqx.nn.RotaryPositionalEmbedding(4), "BTC:2,3,4"),
    "PReLU": entry(lambda: eqx.nn.PReLU(), "BC:4,5"),
    "AvgPool2d": entry(lambda: eqx.nn.AvgPool2d(2), "BCSS:2,3,5,4"),
    "MaxPool2d": entry(lambda: eqx.nn.MaxPool2d(2, stride=2), "BCSS:2,3,4,6"),
    "AdaptiveAvgPool2d": entry(lambda: eqx.nn.AdaptiveAvgPool2d(2), "BCSS:2,3,4,6"),
    "AdaptiveMaxPool1d": entry(lambda: eqx.nn.AdaptiveMaxPool1d(2), "BCS:2,3,6"),
}

CORPUS = {
    (kind, name): each
    for kind, table in (("linen", LINEN), ("nnx", NNX), ("equinox", EQUINOX))
    for name, each in table.items()
}
