"""The contract's question about copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.calling import call_layer, keeping_changes
from layercheck.case import Case
from layercheck.errors import LayerError, describe
from layercheck.rounds import Live
from layercheck.subject import Arrays
from layercheck.suites.evidence import line_of_error, source_of_error
from layercheck.tolerances import difference
from layercheck.verdict import fail, skip


def copy_and_pickle(case: Case) -> None:
    """A deep copy of the layer behaves as the layer does, and so does a pickled one.

    Checkpoints, worker processes and averaged models work on copies. Usual causes of a
    difference: ``__getstate__`` or ``__deepcopy__`` that leaves something out, and values kept
    outside the object.
    """
    case.base("predict")
    live = Live(case)
    expected = live.run(live.inputs(), "predict").outputs
    _require_same(case, "deep copy", copy.deepcopy, expected)
    _require_same(case, "pickled copy", _pickled, expected)


def _pickled(layer: Any) -> Any:
    return pickle.loads(pickle.dumps(layer))


def _shortened(text: str) -> str:
    """The first sentences of a message: frameworks add whole configurations."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition('. ')[0]} ..."


_LONGEST = 240


def _require_same(case: Case, kind: str, duplicate: Callable[[Any], Any], expected: Arrays) -> None:
    live = Live(case)
    try:
        with keeping_changes():  # it may be the first import of what copies it
            live.instance.layer = call_layer(kind, duplicate, live.instance.layer)
    except LayerError as error:
        skip(f"the layer cannot be copied as a {kind}: {_shortened(describe(error.original))}")
    source = case.subject.source
    try:
        actual = live.run(live.inputs(), "predict").outputs
    except LayerError as error:
        fail(
            f"A {kind} of the layer does not run: {error}.",
            source=source_of_error(error, source),
            details=line_of_error(error),
            fix="Keep in the copy all that the passes read (__getstate__, __deepcopy__).",
        )
    for z, t in zip(actual, expected, strict=True):
        found = difference(z, t, 0.0) if np.shape(z) == np.shape(t) else None
        if found is not None or np.shape(z) != np.shape(t):
            fail(
                f"A {kind} of the layer predicts something else than the layer.",
                source=source,
                worst=found.worst if found else None,
                wrong=found.wrong if found else None,
                fix="Keep in the copy all that the passes read (__getstate__, __deepcopy__).",
            )
