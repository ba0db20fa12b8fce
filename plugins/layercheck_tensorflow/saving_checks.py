"""The checks of what a module tracks, saves and restores."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from layercheck import Case, LayerError, fail, skip
from layercheck_tensorflow.copying import in_dtype
from layercheck_tensorflow.program import held, opens
from layercheck_tensorflow.trying import (
    attempt,
    fail_raised,
    is_repeatable,
    module_of,
    program_of,
    require_same,
)

_TRACK = "Keep variables in attributes, lists or dicts of a tf.Module; make the object one."
_KEYS = "Keep variables in attributes, lists or dicts with text as keys."
_EXPORT = "Compute with TensorFlow's operations, and keep what the pass reads in the module."


def require_tracked(case: Case) -> None:
    """Look for variables that are not among ``variables``."""
    module = module_of(case)
    known = {id(v) for v in module.variables}
    known |= {id(g.state) for g in held(module, tf.random.Generator).values()}
    lost = [path for path, v in _held(module) if isinstance(v, tf.Variable) and id(v) not in known]
    if lost:
        many = len(lost) != 1
        fail(
            f"The variable{'s' * many} {', '.join(lost)} {'are' if many else 'is'} not among the "
            f"module's variables: {'they are' if many else 'it is'} never trained, and not saved.",
            where=", ".join(lost),
            source=case.subject.source,
            fix=_TRACK,
        )


def _held(layer: Any) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", layer)]
    while stack:
        path, item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if path:
            yield path, item
        stack += [(f"{path}.{name}" if path else str(name), each) for name, each in _parts(item)]


def _parts(item: Any) -> list[tuple[Any, Any]]:
    if isinstance(item, dict):
        return list(item.items())
    if isinstance(item, (list, tuple, set)):
        return list(enumerate(item))
    if isinstance(item, type) or not opens(item):
        return []
    own = getattr(item, "__dict__", {})
    return [(name, value) for name, value in own.items() if not name.startswith("_self_")]


def require_checkpoint(case: Case) -> None:
    """Write a checkpoint of a copy with other values, and read it into another copy."""
    module = module_of(case)
    if not module.variables:
        skip("the module has no variables")
    first, second = (in_dtype(module, np.dtype(np.float32)) for _ in range(2))
    rng = case.rng("tensorflow", "checkpoint")
    for variable in first.variables:
        if variable.dtype.is_floating:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape).astype(np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "module")
        written = attempt("the checkpoint", lambda: tf.train.Checkpoint(module=first).write(path))
        if isinstance(written, LayerError):
            fail_raised(case, "The module cannot be written to a checkpoint", written, _KEYS)
        tf.train.Checkpoint(module=second).read(path)
    after = held(second, tf.Variable)
    lost = [
        name
        for name, variable in held(first, tf.Variable).items()
        if not np.array_equal(np.array(variable), np.array(after[name]))
    ]
    if lost:
        fail(
            f"The checkpoint does not restore {', '.join(lost)}.",
            where=", ".join(lost),
            source=case.subject.source,
            fix=_KEYS,
        )


def require_saved_model(case: Case) -> None:
    """Export a traced call of the module, load it, and compare."""
    module, program = module_of(case), program_of(case)
    point = case.point()
    call, leaves = program.prepared(point.learnables, point.states, point.inputs, "predict")
    count = len(point.inputs)

    def serve(*inputs: Any) -> Any:
        return list(call((*inputs, *leaves[count:]))[0])

    exported = tf.Module()
    exported.layer = module
    exported.serve = tf.function(
        serve, input_signature=[tf.TensorSpec(x.shape, x.dtype) for x in leaves[:count]]
    )
    with tempfile.TemporaryDirectory() as folder, program.own():
        saved = attempt("saved_model.save()", tf.saved_model.save, exported, folder)
        if isinstance(saved, LayerError):
            fail_raised(case, "The module cannot be exported as a SavedModel", saved, _EXPORT)
        found = attempt("the loaded model", _loaded, folder, leaves[:count])
    if isinstance(found, LayerError):
        fail_raised(case, "The exported SavedModel does not run", found, _EXPORT)
    if is_repeatable(case):
        require_same(case, found, "The SavedModel gives something else.", _EXPORT)


def _loaded(folder: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    loaded = tf.saved_model.load(folder)  # its variables live as long as it does
    return tuple(np.array(z) for z in loaded.serve(*inputs))
