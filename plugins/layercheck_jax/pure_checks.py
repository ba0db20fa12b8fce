"""The checks of what a pass leaves behind, of random keys, and of saved values."""

from __future__ import annotations

import io
import re
from typing import Any

import jax
import numpy as np

from layercheck import Case, LayerError, call_layer, fail, skip
from layercheck_jax.comparing import SEED, Passing, require_same

_HOLDER = re.compile(r"is referred to by ([A-Za-z_][\w.]*)$", re.MULTILINE)


def require_no_leaks(case: Case) -> None:
    """Trace a pass while JAX watches for traced arrays that outlive it."""
    passing = Passing.of(case)
    passes = passing.passes(is_compiled=True)
    for mode in passing.modes:
        function = passes.forward(mode)
        try:
            with jax.check_tracer_leaks():
                passing.call("forward()", jax.jit(function), passing.given(), SEED)
        except LayerError as error:
            text = str(error.original)
            if "Leaked trace" in text:
                _fail_leaked(passing, text)
            skip("needs jax.jit_agrees")


def _fail_leaked(passing: Passing, text: str) -> None:
    holders = dict.fromkeys(name.rpartition(".")[2] for name in _HOLDER.findall(text))
    where = f" in {', '.join(holders)}" if holders else ""
    fail(
        f"A pass keeps a traced array{where} after it has returned (a leaked tracer).",
        source=passing.source(),
        fix="Return what is to be kept, and take it as an argument of the next call.",
    )


def require_keys_used_once(case: Case) -> None:
    """Trace a pass while JAX watches which random keys are used."""
    passing = Passing.of(case)
    if not case.is_random:
        skip("the layer draws no random numbers")
    function = passing.passes(is_compiled=True).forward(passing.training)
    try:
        with jax.debug_key_reuse(True):
            passing.call("forward()", jax.jit(function), passing.given(), SEED)
    except LayerError as error:
        if type(error.original).__name__ != "KeyReuseError":
            skip("needs jax.jit_agrees")
        fail(
            "A random key is used twice, so that what is drawn with it is the same or correlated.",
            source=passing.place(error),
            fix="Split it: key, own = jax.random.split(key), one for each draw.",
        )


def require_restored(case: Case) -> None:
    """Save the values of a module, read them into an empty one, and compare them."""
    convention = case.subject.convention
    if convention not in _RESTORED:
        skip("a function holds nothing to save")
    passing = Passing.of(case)
    try:
        saved, read = call_layer("saving", _RESTORED[convention], passing.model, case.layouts)
    except LayerError as error:
        passing.fail_raised("The values of the module cannot be saved and read again", error)
    what = "Values of the module that were saved and read again are others."
    fix = "Keep every array in a parameter or a variable, where saving finds it."
    require_same(passing, read, saved, "the values", what, fix)


def _linen(model: Any, layouts: Any) -> tuple[list[Any], list[Any]]:
    from flax import serialization

    values = model.values(layouts)
    saved = {slot.name: slot.value for slot in (*values.learnables, *values.states)}
    empty = jax.tree.map(np.zeros_like, saved)
    read = serialization.from_bytes(empty, serialization.to_bytes(saved))
    return list(saved.values()), [read[name] for name in saved]


def _nnx(model: Any, layouts: Any) -> tuple[list[Any], list[Any]]:
    from flax import nnx, serialization

    _, state = nnx.split(model.layer)
    plain = jax.tree.map(_without_keys, nnx.to_pure_dict(state))
    read = serialization.msgpack_restore(serialization.to_bytes(plain))
    return jax.tree.leaves(plain), jax.tree.leaves(
        serialization.from_state_dict(jax.tree.map(np.zeros_like, plain), read)
    )


def _without_keys(value: Any) -> Any:
    is_key = jax.numpy.issubdtype(getattr(value, "dtype", np.float32), jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(value) if is_key else value)


def _equinox(model: Any, layouts: Any) -> tuple[list[Any], list[Any]]:
    import equinox as eqx

    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, model.layer)
    file.seek(0)
    empty = jax.tree.map(lambda x: jax.numpy.zeros_like(x) if _is_number(x) else x, model.layer)
    read = eqx.tree_deserialise_leaves(file, empty)
    saved, restored = (
        [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if _is_number(leaf)]
        for tree in (model.layer, read)
    )
    return saved, restored


def _is_number(leaf: Any) -> bool:
    extended = jax.dtypes.extended
    return isinstance(leaf, jax.Array) and not jax.numpy.issubdtype(leaf.dtype, extended)


_RESTORED = {"linen": _linen, "nnx": _nnx, "equinox": _equinox}
