"""The check of masks."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from layercheck import Case, LayerError, difference, fail, skip, tolerance
from layercheck_keras.program import LayerProgram
from layercheck_keras.trying import attempt, fail_raised, program_of, source

_FIX = "Use the mask in call: keras.ops.where, or multiply by it and divide by its sum."


def require_masks(case: Case) -> None:
    """Hide the last steps, and change what is there."""
    program = program_of(case)
    layer = program.layer
    if len(case.layouts) != 1 or case.layouts[0].format[:2] != "BT":
        skip("masks belong to one input whose layout begins with BT: batch and time")
    own = type(layer).compute_mask is not keras.Layer.compute_mask
    takes = "mask" in inspect.signature(layer.call).parameters
    if not takes and not own:
        skip("the layer takes no mask, and makes none")
    if isinstance(layer, keras.Model):
        skip("a model hands masks to its layers, each of which can be checked")
    mask = _mask(case)
    if own:
        _require_mask_fits(case, program, mask)
    if takes:
        _require_hidden(case, program, mask)


def _mask(case: Case) -> np.ndarray:
    """The first half of the steps is seen, in the first observation all of them."""
    observations, steps = case.layouts[0].shape[:2]
    mask = np.arange(steps)[None, :] < np.full((observations, 1), (steps + 1) // 2)
    mask[0] = True
    return np.asarray(mask)


def _require_mask_fits(case: Case, program: LayerProgram, mask: np.ndarray) -> None:
    engine = program.engine
    x = engine.tensor(case.point().inputs[0])
    with program.computing():
        found = attempt("compute_mask()", program.layer.compute_mask, x, engine.tensor(mask))
    if isinstance(found, LayerError):
        fail_raised(case, "compute_mask() raises", found, _FIX)
    outputs = case.base("predict").outputs
    made = [each for each in keras.tree.flatten(found) if each is not None]
    for each, z in zip(made, outputs, strict=False):
        shape = tuple(each.shape)
        if shape != np.shape(z)[: len(shape)]:
            fail(
                f"compute_mask() returns a mask of shape {shape} for an output of shape "
                f"{np.shape(z)}.",
                source=source(case),
                fix="Return None from compute_mask where the output has no steps.",
            )


def _require_hidden(case: Case, program: LayerProgram, mask: np.ndarray) -> None:
    """Compare what is seen of the outputs for two inputs that differ where the mask hides them."""
    point = case.point()
    x = point.inputs[0]
    hidden = np.broadcast_to(~mask.reshape(mask.shape + (1,) * (x.ndim - 2)), x.shape)
    other = np.where(hidden, np.roll(np.flip(x, axis=-1), 1, axis=0), x)
    with_mask = program.passing
    keywords = {**with_mask.keywords, "mask": program.engine.tensor(mask)}
    program.passing = replace(with_mask, keywords=keywords)
    found: list[Any] = []
    for value in (x, other):
        call = (point.learnables, point.states, (np.array(value),), "predict")
        done = _ran(program, call)
        if isinstance(done, LayerError):
            fail_raised(case, "The layer does not run with a mask", done, _FIX)
        found.append(done.outputs)
    for number, (z, t) in enumerate(zip(*found, strict=True)):
        seen = mask if np.shape(z)[:2] == mask.shape else np.ones(len(mask), bool)
        if np.shape(z)[: seen.ndim] != seen.shape:
            continue
        wrong = difference(t[seen], z[seen], tolerance(z[seen], 0.0, case.eps))
        if wrong is not None:
            fail(
                f"What a mask hides changes output {number} where the mask shows it.",
                where=f"{wrong.wrong} of {np.size(z[seen])} elements that are seen",
                source=source(case),
                worst=wrong.worst,
                wrong=wrong.wrong,
                fix=_FIX,
            )


def _ran(program: LayerProgram, call: tuple[Any, ...]) -> Any:
    try:
        return program.run(*call, record=False)
    except LayerError as error:
        return error
