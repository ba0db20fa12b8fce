"""Layers of JAX, Flax and Equinox, written as people write them."""

from __future__ import annotations

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx


def affine(x, w, b):
    return x @ w + b


def masked_tanh(x, key, training):
    z = jnp.tanh(x)
    if not training:
        return z
    keep = jax.random.bernoulli(key, 0.5, x.shape)
    return jnp.where(keep, z / 0.5, 0.0)


jitted = jax.jit(affine)


def dense(params, x):
    return {"hidden": jnp.sin(x @ params["w"]), "bias": params["b"] * x.sum()}


@jax.custom_vjp
def swish(x):
    return x * jax.nn.sigmoid(x)


def swish_fwd(x):
    return swish(x), x


def swish_bwd(x, dz):
    s = jax.nn.sigmoid(x)
    return (dz * (s + x * s * (1 - s)),)


swish.defvjp(swish_fwd, swish_bwd)


@jax.custom_jvp
def softplus(x):
    return jnp.logaddexp(x, 0.0)


@softplus.defjvp
def softplus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return softplus(x), jax.nn.sigmoid(x) * dx


class LinenBlock(nn.Module):
    features: int = 3

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(self.features)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dropout(0.5, deterministic=not train)(x)


class NnxBlock(nnx.Module):
    def __init__(self, width=5, features=3, *, rngs):
        self.dense = nnx.Linear(width, features, rngs=rngs)
        self.norm = nnx.BatchNorm(features, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.drop(self.norm(self.dense(x)))


class EquinoxBlock(eqx.Module):
    dense: eqx.nn.Linear
    drop: eqx.nn.Dropout

    def __init__(self, width=5, features=3, *, key):
        self.dense = eqx.nn.Linear(width, features, key=key)
        self.drop = eqx.nn.Dropout(0.5)

    def __call__(self, x, *, key):
        return self.drop(self.dense(x), key=key)


class EquinoxNorm(eqx.Module):
    dense: eqx.nn.Linear
    norm: eqx.nn.BatchNorm

    def __init__(self, *, key):
        self.dense = eqx.nn.Linear(5, 3, key=key)
        self.norm = eqx.nn.BatchNorm(3, axis_name="samples", mode="batch")

    def __call__(self, x, state):
        return self.norm(self.dense(x), state)
