"""What is asked of blocks of Gluon alone: hybridized, and saved and loaded again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from layercheck import Case, LayerError, Suite, call_layer, difference, fail, skip, tolerance
from layercheck import Check as Question

_TABLE = "parameters"
_HYBRIDIZED, _NEW = "hybridized block", "new block that loads the saved parameters"
_CALLS = {_HYBRIDIZED: "hybridize()", _NEW: "load_parameters()"}


def hybridize_agrees(case: Case) -> None:
    """After ``hybridize()`` the block computes what it computed before.

    Hybridizing compiles the passes into a graph once, for the first arguments. Usual causes of a
    difference or an exception: Python control flow on values, ``asnumpy()`` or ``.shape`` in
    ``hybrid_forward``, a Python number that changes from call to call, ``nd`` in place of ``F``.

    Fix: use ``F`` and what it computes only; write branches on values with ``F.where``.
    """
    if not hasattr(case.subject.layer, "hybrid_forward"):
        skip("only a HybridBlock is hybridized")
    again = case.evaluate(case.point(), "predict", seed=case.seed + 1).outputs
    if not all(map(np.array_equal, again, case.base("predict").outputs)):
        skip("predict is random: the graph draws other numbers")
    _require_agrees(case, _HYBRIDIZED, _hybridized)


def save_and_load_parameters(case: Case) -> None:
    """A block that loads the parameters that another one saved computes the same.

    Usual causes of a difference: arrays that are plain attributes and no parameters, and so are
    not saved; parameters under names that depend on the order of construction.

    Fix: register what is learnt as a Parameter, and fixed arrays as a Constant
    (``self.params.get``, ``self.params.get_constant``).
    """
    if not hasattr(case.subject.layer, "save_parameters"):
        skip("only a block has parameters to save")
    if not (case.subject.learnables or case.subject.states):
        skip("the block has no parameters")
    fresh = case.subject.fresh
    if fresh is None:
        skip("the block was handed in built; give its class, and another one can be made")

    def loaded(block: Any) -> Any:
        other = fresh(case.seed + 1)
        other.cast(case.dtype.name)
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / _TABLE)
            block.save_parameters(file)
            other.load_parameters(file)
        return other

    _require_agrees(case, _NEW, loaded)


def _hybridized(block: Any) -> Any:
    block.hybridize()
    return block


def _require_agrees(case: Case, what: str, change: Callable[[Any], Any]) -> None:
    expected = case.base("predict").outputs
    point = case.point()
    instance = case.instance(point)
    instance.run(tuple(x.copy() for x in point.inputs), "predict")
    try:
        instance.layer = call_layer(_CALLS[what], change, instance.layer)
        first = instance.run(tuple(x.copy() for x in point.inputs), "predict").outputs
        second = instance.run(tuple(x.copy() for x in point.inputs), "predict").outputs
    except LayerError as error:
        fail(f"A {what} does not run: {error}.", fix="Follow what the message says.")
    for actual in (first, second):
        for z, limit, number in zip(expected, case.spread("predict"), actual, strict=True):
            found = difference(np.asarray(number), np.asarray(z), tolerance(z, limit, case.eps))
            if found is not None:
                fail(
                    f"A {what} gives another output.",
                    where=str(found.worst.index),
                    worst=found.worst,
                    wrong=found.wrong,
                )


suite = Suite(
    "mxnet",
    "A Gluon block agrees with itself hybridized, and saved and loaded.",
    (
        Question("hybridize_agrees", hybridize_agrees),
        Question("save_and_load_parameters", save_and_load_parameters),
    ),
    framework="mxnet",
)
