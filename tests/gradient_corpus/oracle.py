"""True gradients by brute force: one element at a time, by differences in float64."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from layercheck.layout import Layout
from tests.gradient_corpus.driving import Driven, drive, get, put
from tests.gradient_corpus.entry import Bug, Correct
from tests.gradient_corpus.values import make_input

STEP = 2.0**-12
ROUNDINGS = 64  # a gradient below so many roundings of the outputs is zero
ONE_SIDED_STEP = 2.0**-26

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Setting:
    """A layer with values for its tensors, and upstream gradients for its outputs and states."""

    driven: Driven
    values: dict[str, np.ndarray]
    upstream: tuple[np.ndarray, ...]
    state_upstream: tuple[np.ndarray, ...]


def make_setting(entry: Correct | Bug, point: str = "normal", seed: int = 0) -> Setting:
    """Draw values and upstream gradients; they depend on the base layer, point and seed alone."""
    driven = drive(entry)
    values = {}
    for name, layout in zip(driven.inputs, entry.layouts, strict=True):
        shape = Layout.parse(layout).shape
        values[f"input:{name}"] = make_input(name, shape, point, entry.options, seed)
    for name in driven.learnables:
        values[f"learnable:{name}"] = np.array(get(driven.layer, name))
    rng = np.random.default_rng(seed + 1)
    for name in driven.states:
        values[f"state:{name}"] = rng.uniform(-1, 1, np.shape(get(driven.layer, name)))
    outputs, states = run(driven, values)
    upstream = tuple(_random_like(z, rng) for z in outputs)
    return Setting(driven, values, upstream, tuple(_random_like(s, rng) for s in states))


def _random_like(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.uniform(0.2, 2, z.shape) * rng.choice([-1, 1], z.shape)
    return noise + 1j * rng.permuted(noise) if np.iscomplexobj(z) else noise


def live(driven: Driven, values: Values):
    """Return a copy of the layer that holds the values, and its inputs."""
    layer = driven.fresh()
    for name, value in values.items():
        kind, _, path = name.partition(":")
        if kind != "input":
            put(layer, path, value.copy())
    return layer, [values[f"input:{name}"].copy() for name in driven.inputs]


def run(driven: Driven, values: Values):
    """Return the outputs and the states after one forward."""
    layer, xs = live(driven, values)
    outputs, _ = driven.forward(layer, *xs)
    return outputs, tuple(np.array(get(layer, name)) for name in driven.states)


def _flat(driven: Driven, values: Values) -> np.ndarray:
    outputs, states = run(driven, values)
    return np.concatenate([_real(z) for z in (*outputs, *states)])


def _real(z: np.ndarray) -> np.ndarray:
    parts = (z.real, z.imag) if np.iscomplexobj(z) else (z,)
    return np.concatenate([np.ravel(part) for part in parts])


def analytic(setting: Setting, scale: float = 1.0) -> dict[str, np.ndarray | None]:
    """Return what backward gives for the upstream gradients times `scale`."""
    return pull_back(
        setting,
        tuple(scale * d for d in setting.upstream),
        tuple(scale * d for d in setting.state_upstream),
    )


def pull_back(setting: Setting, upstream, state_upstream=(), rounds: int = 1):
    """Run forward once and backward `rounds` times; return what the last one gave."""
    driven = setting.driven
    layer, xs = live(driven, setting.values)
    zs, memory = driven.forward(layer, *xs)
    for _ in range(rounds):
        dzs = [d.copy() for d in upstream]
        dstates = [d.copy() for d in state_upstream]
        grads = driven.backward(layer, xs, zs, dzs, dstates, memory)
    return {name: None if g is None else np.array(g) for name, g in grads.items()}


def numeric(entry: Correct | Bug, base: Correct, point: str, seed: int) -> dict[str, np.ndarray]:
    """Return the true gradients of the base layer, computed once for all its bugs."""
    return _numeric(base, point, seed, _Options(entry.options))


class _Options(dict):
    """Options as a key of the cache."""

    def __hash__(self) -> int:
        return hash(repr(sorted(self.items(), key=repr)))

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other)


@cache
def _numeric(base: Correct, point: str, seed: int, options: _Options) -> dict[str, np.ndarray]:
    setting = make_setting(replace(base, options=options), point, seed)
    along = np.concatenate([_real(d) for d in (*setting.upstream, *setting.state_upstream)])
    gradients = {}
    for name, value in setting.values.items():
        if value.dtype.kind in "fc":
            gradients[name] = _gradient(setting, name, along)
    return gradients


def _gradient(setting: Setting, name: str, along: np.ndarray) -> np.ndarray:
    value = setting.values[name]
    gradient = np.zeros(value.shape, value.dtype)
    for unit in (1.0, 1j) if value.dtype.kind == "c" else (1.0,):
        for index in np.ndindex(value.shape):
            gradient[index] += unit * (central(setting, name, index, unit) @ along)
    size = float(np.max(np.abs(_flat(setting.driven, setting.values) * along)))
    noise = ROUNDINGS * np.finfo(float).eps * size / step_of(setting, name)
    return gradient if np.any(np.abs(gradient) > noise) else np.zeros_like(gradient)


def step_of(setting: Setting, name: str) -> float:
    """Return the step of differences: small beside the values of a tensor."""
    return STEP * (float(np.sqrt(np.mean(np.abs(setting.values[name]) ** 2))) or 1.0)


def central(setting: Setting, name: str, index, unit=1.0) -> np.ndarray:
    """Return the derivative of every output along one element, with an error of h^4."""
    h = step_of(setting, name)
    wide = _moved(setting, name, index, unit * h) - _moved(setting, name, index, -unit * h)
    half = _moved(setting, name, index, unit * h / 2) - _moved(setting, name, index, -unit * h / 2)
    return (8 * half - wide) / (6 * h)


def _moved(setting: Setting, name: str, index=..., step=0.0) -> np.ndarray:
    value = setting.values[name].copy()
    value[index] += step
    return _flat(setting.driven, {**setting.values, name: value})


def one_sided(setting: Setting, name: str, direction: np.ndarray):
    """Return the slopes of every output before and after this point, along a direction."""
    here = _moved(setting, name)
    after = _moved(setting, name, step=ONE_SIDED_STEP * direction)
    before = _moved(setting, name, step=-ONE_SIDED_STEP * direction)
    return (here - before) / ONE_SIDED_STEP, (after - here) / ONE_SIDED_STEP


def rows(setting: Setting, name: str) -> np.ndarray:
    """Return the derivatives that backward claims, one row an output, of real outputs."""
    claimed = []
    for k, z in enumerate(setting.upstream):
        for index in np.ndindex(z.shape):
            upstream = [np.zeros_like(d) for d in setting.upstream]
            upstream[k][index] = 1.0
            claimed.append(np.ravel(pull_back(setting, upstream)[name]))
    return np.stack(claimed)


def difference(actual: np.ndarray | None, expected: np.ndarray) -> float:
    """Return the largest difference relative to the largest expected element."""
    if actual is None or np.shape(actual) != expected.shape:
        return np.inf
    largest = np.max(np.abs(expected), initial=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = np.max(np.abs(actual - expected), initial=0.0)
    return float(error / largest if largest else error)
