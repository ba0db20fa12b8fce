"""Layers of JAX, Flax and Equinox that are wrong on purpose, and the checks that each must fail."""

from __future__ import annotations

import functools

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

calls = 0
history = []


def with_rules(fwd, bwd):
    """Make a custom_vjp out of what its rules compute."""

    def decorate(function):
        wrapped = jax.custom_vjp(function)
        wrapped.defvjp(fwd, bwd)
        return wrapped

    return decorate


# custom_vjp: wrong formulas


@with_rules(lambda x: (jnp.tanh(x), x), lambda x, g: (g * (1 - x**2),))
def tanh_of_input(x):
    return jnp.tanh(x)


@with_rules(lambda x: (jnp.sin(x), x), lambda x, g: (jnp.cos(x),))
def forgets_upstream(x):
    return jnp.sin(x)


@with_rules(lambda x: (jnp.sin(x), x), lambda x, g: (-g * jnp.cos(x),))
def wrong_sign(x):
    return jnp.sin(x)


@with_rules(lambda x: (jax.nn.relu(x), x), lambda x, g: (jnp.where(g > 0, g, 0.0),))
def mask_from_upstream(x):
    return jax.nn.relu(x)


def _dense(x, w, b):
    return x @ w + b


@with_rules(
    lambda x, w, b: (_dense(x, w, b), (x, w)),
    lambda r, g: (g @ r[1].T, r[0].T @ g / g.shape[0], g.mean(0)),
)
def mean_instead_of_sum(x, w, b):
    return _dense(x, w, b)


@with_rules(
    lambda x, w, b: (_dense(x, w, b), (x, w)),
    lambda r, g: (g @ r[1].T, r[0].T @ g, g[0]),
)
def bias_of_one_observation(x, w, b):
    return _dense(x, w, b)


@with_rules(lambda x, w: (x @ w, (x, w)), lambda r, g: (g @ r[1], r[0].T @ g))
def forgotten_transpose(x, w):
    return x @ w


@with_rules(lambda x: (jax.nn.softmax(x), jax.nn.softmax(x)), lambda s, g: (g * s * (1 - s),))
def softmax_of_diagonal(x):
    return jax.nn.softmax(x)


@with_rules(lambda x, s: (x * s, (x, s)), lambda r, g: (g * r[1], jnp.sum(g * r[0], 0)))
def scale_swapped_axes(x, s):
    return x * s


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def power(x, n):
    return x**n


power.defvjp(lambda x, n: (x**n, x), lambda n, x, g: (g * n * x**n,))


@with_rules(lambda x: (jnp.exp(x), None), lambda r, g: (g.astype(jnp.float16).astype(g.dtype),))
def exp_without_memory(x):
    return jnp.exp(x)


@jax.custom_jvp
def wrong_tangent(x):
    return jnp.log1p(jnp.exp(x))


wrong_tangent.defjvp(lambda p, t: (wrong_tangent(*p), jax.nn.sigmoid(p[0]) * t[0] * 0.5))


# autodiff that is cut off


def detached_scale(x, s):
    return x * jax.lax.stop_gradient(s)


def detached_statistics(x):
    mean = jax.lax.stop_gradient(x.mean(-1, keepdims=True))
    return x - mean


@with_rules(lambda x: (x * 1.0, None), lambda r, g: (jnp.clip(g, -0.5, 0.5),))
def clips_its_gradient(x):
    return x * 1.0


# values that Python asks for


def branches_on_values(x):
    if x.sum() > 0:
        return jnp.sin(x)
    return jnp.cos(x)


def asks_for_float(x):
    return jnp.sin(x) * float(jnp.max(jnp.abs(x)))


def through_numpy(x):
    return jnp.asarray(np.tanh(np.asarray(x)))


# impure functions


def counts_calls(x):
    global calls
    calls += 1
    return jnp.sin(x) + calls


def draws_from_numpy(x):
    return jnp.sin(x) * np.random.rand(*x.shape)


def keeps_history(x):
    history.append(jnp.sum(x))
    return jnp.sin(x)


def asks_whether_traced(x):
    return jnp.sin(x) if isinstance(x, jax.core.Tracer) else jnp.sin(x) * 1.001


def one_key_twice(x, key, train):
    if not train:
        return jnp.sin(x)
    keep = jax.random.bernoulli(key, 0.5, x.shape)
    noise = jax.random.normal(key, x.shape)
    return jnp.where(keep, 2 * jnp.sin(x), 0) + 0.1 * noise


# batch leaks and dtypes


def centred(x):
    return jnp.tanh(x - x.mean(0))


def first_observation(x):
    return jnp.sin(x) + x[:1]


def half_precision(x):
    return jnp.sin(x.astype(jnp.float16))


def bfloat_inside(x, w):
    return (x.astype(jnp.bfloat16) @ w.astype(jnp.bfloat16)).astype(x.dtype)


def log_of_exp(x):
    return jnp.log(jnp.sum(jnp.exp(50 * x), -1, keepdims=True)) + x


# modules


class DropoutWithoutRescale(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        if not train:
            return x
        keep = jax.random.bernoulli(self.make_rng("dropout"), 0.5, x.shape)
        return jnp.where(keep, x, 0.0)


class NormThatAlwaysLearns(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        mean = self.variable("batch_stats", "mean", jnp.zeros, x.shape[-1:])
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        if not self.is_initializing():
            mean.value = 0.9 * mean.value + 0.1 * x.mean(0)
        return (x - (x.mean(0) if train else mean.value)) * scale


class UnusedBias(nn.Module):
    @nn.compact
    def __call__(self, x):
        kernel = self.param("kernel", nn.initializers.normal(), (x.shape[-1], 3))
        bias = self.param("bias", nn.initializers.normal(), (3,))
        return x @ kernel + jax.lax.stop_gradient(bias)


class DropoutAtPrediction(nnx.Module):
    def __init__(self, *, rngs):
        self.rngs = rngs

    def __call__(self, x):
        keep = jax.random.bernoulli(self.rngs.dropout(), 0.5, x.shape)
        return jnp.where(keep, 2 * x, 0.0)


class CountsInPython(nnx.Module):
    def __init__(self, *, rngs):
        self.weight = nnx.Param(jax.random.normal(rngs.params(), (5,)))
        self.steps = 0

    def __call__(self, x):
        self.steps += 1
        return jnp.sin(x) * self.weight


class LosesItsState(eqx.Module):
    index: eqx.nn.StateIndex
    weight: jax.Array

    def __init__(self, *, key):
        self.index = eqx.nn.StateIndex(jnp.zeros(()))
        self.weight = jax.random.normal(key, (5,))

    def __call__(self, x, state):
        state.set(self.index, state.get(self.index) + 1)
        return jnp.sin(x) * self.weight


class StaticWeight(eqx.Module):
    weight: jax.Array
    scale: jax.Array = eqx.field(static=True)

    def __init__(self, *, key):
        self.weight = jax.random.normal(key, (5,))
        self.scale = jnp.ones(5) * 2

    def __call__(self, x):
        return jnp.sin(x) * self.weight * self.scale


class SumsObservations(eqx.Module):
    weight: jax.Array

    def __init__(self, *, key):
        self.weight = jax.random.normal(key, (5,))

    def __call__(self, x):
        return jnp.sin(x) * self.weight + jax.lax.pmean(x, "batch")


LAYER = ["BC:4,5"]
WEIGHTED = ["BC:4,5", "CU:5,3"]
AFFINE = [*WEIGHTED, "C:3"]
# name: layouts, options, the ids that fail
BUGS = {
    "tanh_of_input": (LAYER, {}, {"gradients.input:x"}),
    "forgets_upstream": (LAYER, {}, {"gradients.input:x", "gradients.linear_in_upstream"}),
    "wrong_sign": (LAYER, {}, {"gradients.input:x"}),
    "mask_from_upstream": (LAYER, {}, {"gradients.input:x", "gradients.linear_in_upstream"}),
    "mean_instead_of_sum": (
        AFFINE,
        {},
        {"batch.input_gradients_independent", "gradients.input:b", "gradients.input:w"},
    ),
    "bias_of_one_observation": (
        AFFINE,
        {},
        {"batch.input_gradients_independent", "gradients.input:b"},
    ),
    "forgotten_transpose": (["BC:4,5", "CU:5,5"], {}, {"gradients.input:x"}),
    "softmax_of_diagonal": (LAYER, {}, {"gradients.input:x"}),
    "scale_swapped_axes": (
        ["BC:5,5", "CU:5,5"],
        {},
        {
            "batch.other_batch_sizes",
            "batch.permutation",
            "batch.single_observation",
            "shapes.gradients",
        },
    ),
    "power": (LAYER, {"call": {"n": 3}}, {"gradients.input:x"}),
    "exp_without_memory": (
        LAYER,
        {},
        {"gradients.input:x", "gradients.linear_in_upstream"},
    ),
    "wrong_tangent": (
        LAYER,
        {},
        {"gradients.input:x", "numerics.large_values"},
    ),
    "detached_scale": (
        ["BC:4,5", "C:5"],
        {},
        {"gradients.input:s"},
    ),
    "detached_statistics": (LAYER, {}, {"gradients.input:x"}),
    "clips_its_gradient": (LAYER, {}, {"gradients.input:x", "gradients.linear_in_upstream"}),
    "branches_on_values": (LAYER, {}, {"batch.observations_independent", "jax.jit_agrees"}),
    "asks_for_float": (
        LAYER,
        {},
        {
            "batch.observations_independent",
            "batch.other_batch_sizes",
            "gradients.autodiff",
            "jax.jit_agrees",
        },
    ),
    "through_numpy": (LAYER, {}, {"gradients.autodiff", "jax.jit_agrees"}),
    "counts_calls": (
        LAYER,
        {},
        {
            "contract.copy_and_pickle",
            "jax.jit_agrees",
            "purity.deterministic",
            "state.predict_is_deterministic",
        },
    ),
    "draws_from_numpy": (LAYER, {}, {"jax.jit_agrees", "state.predict_is_deterministic"}),
    "keeps_history": (LAYER, {}, {"jax.no_leaked_tracers"}),
    "asks_whether_traced": (LAYER, {}, {"jax.jit_agrees"}),
    "one_key_twice": (LAYER, {}, {"jax.keys_used_once"}),
    "centred": (LAYER, {}, {"batch.observations_independent", "batch.other_batch_sizes"}),
    "first_observation": (LAYER, {}, {"batch.observations_independent", "batch.permutation"}),
    "half_precision": (
        LAYER,
        {},
        {"dtypes.outputs", "gradients.input:x", "jax.precision_kept"},
    ),
    "bfloat_inside": (
        WEIGHTED,
        {},
        {"gradients.input:w", "gradients.second_order", "jax.precision_kept"},
    ),
    "log_of_exp": (LAYER, {}, {"dtypes.low_precision", "numerics.finite", "numerics.large_values"}),
    "DropoutWithoutRescale": (["BC:40,50"], {}, {"state.training_mean"}),
    "NormThatAlwaysLearns": (
        LAYER,
        {},
        {
            "batch.observations_independent",
            "batch.other_batch_sizes",
            "state.predict_leaves_statistics",
        },
    ),
    "UnusedBias": (
        LAYER,
        {},
        {"gradients.learnable:bias", "gradients.reaches_all_learnables"},
    ),
    "DropoutAtPrediction": (LAYER, {}, {"state.predict_is_deterministic"}),
    "CountsInPython": (LAYER, {}, {"jax.compiles_once"}),
    "LosesItsState": (LAYER, {}, {"shapes.predict"}),
    "StaticWeight": (LAYER, {}, {"jax.compiles_once"}),
    "SumsObservations": (LAYER, {}, {"batch.observations_independent", "batch.other_batch_sizes"}),
}
