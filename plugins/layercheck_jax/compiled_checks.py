"""The checks of ``jax.jit`` and ``jax.vmap``: they change nothing but the speed."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from layercheck import Case, LayerError, fail, skip
from layercheck_jax.comparing import SEED, Passing, require_same
from layercheck_jax.narrowing import narrowing

_SAME = (
    "Compute outputs from arguments alone: what Python does (globals, counters, NumPy's random "
    "numbers, branches on whether a value is traced) happens once, when jax.jit traces the layer."
)
_OTHER_DRAW = 2


def require_jit_agrees(case: Case) -> None:
    """Compare compiled passes with plain ones."""
    passing = Passing.of(case)
    plain, compiled = passing.passes(is_compiled=False), passing.passes(is_compiled=True)
    is_pure = passing.program.passes.is_compiled
    for mode in passing.modes:
        function = compiled.get("forward", mode)
        with _host_seed(1):
            expected = passing.call("forward()", plain.get("forward", mode), *passing.arguments())
        try:
            with _host_seed(2):
                passing.call("forward()", function, *passing.arguments())
            with _host_seed(1):
                actual = passing.call("forward()", function, *passing.arguments())
        except LayerError as error:
            passing.fail_raised("The layer runs, and not under jax.jit", error)
        what = "Under jax.jit the layer gives another output than without."
        spreads = case.spread(_as_mode(mode)) if is_pure else ()
        require_same(passing, actual[0], expected[0], "the output", what, _SAME, spreads)
    _require_gradients_agree(case, passing)


@contextmanager
def _host_seed(seed: int) -> Iterator[None]:
    """Set the global generators of Python and NumPy in the block: jax.jit keeps what they gave."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def _as_mode(mode: str) -> Any:
    return mode


def _require_gradients_agree(case: Case, passing: Passing) -> None:
    if case.subject.facts.backward == "none":
        return
    try:
        case.attempt_gradients()
    except LayerError:
        return
    upstream = case.upstream(case.base().outputs)
    found = []
    for is_compiled in (True, False):
        function = passing.passes(is_compiled=is_compiled).get("gradient", passing.training)
        try:
            found.append(passing.call("backward()", function, *passing.arguments(), upstream))
        except LayerError as error:
            passing.fail_raised("The gradient can be computed, and not under jax.jit", error)
    spread = case.gradient_spread
    what = "Under jax.jit the gradient is another than without."
    for row, spreads in ((0, spread.learnables), (1, spread.inputs)):
        require_same(passing, found[0][row], found[1][row], "the gradient", what, _SAME, spreads)


def require_vmap_agrees(case: Case) -> None:
    """Compare passes under ``jax.vmap`` with one call for each."""
    passing = Passing.of(case)
    if not passing.program.passes.is_compiled:
        skip("needs jax.jit_agrees")
    given, other = passing.given(), passing.given(_OTHER_DRAW)
    stacked = tuple(np.stack(pair) for pair in zip(given[2], other[2], strict=True))
    passes, mode = passing.passes(is_compiled=True), passing.training
    mapped = jax.jit(jax.vmap(passes.forward(mode), in_axes=((None, None, 0), None)))
    fix = "Use operations that have a batching rule; give pure_callback a vmap_method."
    try:
        actual = passing.call("forward()", mapped, (given[0], given[1], stacked), SEED)[0]
    except LayerError as error:
        passing.fail_raised("The layer runs, and not under jax.vmap", error, fix)
    each = [
        passing.call("forward()", passes.get("forward", mode), one, SEED)[0]
        for one in (given, other)
    ]
    expected = [np.stack(pair) for pair in zip(*each, strict=True)]
    what = "Under jax.vmap the layer gives other outputs than one call after the other."
    require_same(passing, actual, expected, "the output", what, fix, case.spread(mode))


def require_precision_kept(case: Case) -> None:
    """Trace the passes, and look for values that are cut to fewer bits."""
    passing = Passing.of(case)
    if not passing.program.passes.is_compiled:
        skip("needs jax.jit_agrees")
    dtype = np.dtype(np.float32)
    if passing.program.dtype != dtype:
        skip("looks at float32; --dtype float32 runs it")
    for mode in passing.modes:
        function = jax.make_jaxpr(passing.passes(is_compiled=True).forward(mode))
        traced = passing.call("forward()", function, *passing.arguments())
        step = next(narrowing(traced.jaxpr, dtype), None)
        if step is not None:
            fail(
                f"Values that go in as float32 are cut to {step[1]} on the way ({step[0]}).",
                source=passing.source(),
                fix="Compute with x.dtype; give modules dtype=None, or float32 to check them.",
            )


def require_compiles_once(case: Case) -> None:
    """Count how often a module is traced in calls that are alike."""
    passing = Passing.of(case)
    convention = case.subject.convention
    if convention not in ("nnx", "equinox"):
        skip("a function or a linen module has nothing of its own that jax.jit could find changed")
    count = _nnx_traces if convention == "nnx" else _equinox_traces
    try:
        traces = count(passing)
    except LayerError as error:
        passing.fail_raised("The module cannot be an argument of a compiled function", error)
    if traces > 1:
        fail(
            f"The module is compiled again at each call: {traces} calls, {traces} compilations.",
            source=passing.source(),
            fix="Keep what changes from call to call in an nnx.Variable, not in a Python number.",
        )


def _nnx_traces(passing: Passing) -> int:
    from flax import nnx

    traces = 0
    module = nnx.clone(passing.model.layer)
    inputs = passing.given()[2]

    def run(module: Any, key: Any, *inputs: Any) -> Any:
        nonlocal traces
        traces += 1
        keys = passing.model.arguments.split(key)
        keys |= {name: nnx.Rngs(own) for name, own in keys.items() if name == "rngs"}
        positional, named = passing.model.arguments.bind(inputs, passing.training, keys)
        return module(*positional, **named)

    compiled = nnx.jit(run)
    for _ in range(3):  # the first call may add Variables
        before = traces
        passing.call("forward()", compiled, module, jax.random.key(SEED), *inputs)
    return 3 if traces > before else 1


def _equinox_traces(passing: Passing) -> int:
    import equinox as eqx

    traces = 0
    module = passing.model.layer
    _require_no_static_arrays(passing, module)

    def run(module: Any) -> Any:
        nonlocal traces
        traces += 1
        return [leaf for leaf in jax.tree.leaves(module) if eqx.is_array(leaf)]

    compiled = eqx.filter_jit(run)
    for _ in range(2):
        passing.call("forward()", compiled, module)
        module = jax.tree.map(lambda x: x, module)
    return traces


def _require_no_static_arrays(passing: Passing, layer: Any) -> None:
    """Fail where a static field holds an array: it is no leaf, and is compared by identity."""
    from layercheck_jax.equinox import modules_in

    for module in modules_in(layer):
        for each in dataclasses.fields(module):
            value = getattr(module, each.name, None)
            if each.metadata.get("static") and isinstance(value, (jax.Array, np.ndarray)):
                fail(
                    f"The static field {each.name} holds an array: it is never trained or saved, "
                    "and another module with the same values is compiled again.",
                    where=each.name,
                    source=passing.source(),
                    fix="Leave arrays out of eqx.field(static=True); stop_gradient freezes one.",
                )
