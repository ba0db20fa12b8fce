"""In which dtypes a framework's layer can compute: found by running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.errors import LayerError, describe
from layercheck.frameworks.program import Program
from layercheck.subject import Arrays

_LOW = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Precision:
    """What trials in float64 and float32 found.

    Parameters
    ----------
    dtypes : tuple of str
        As `Facts.dtypes`.
    notes : tuple of str
        Why float64 is not among them.
    outputs : tuple of arrays
        Of predict in the widest dtype that runs; empty where none does.
    """

    dtypes: tuple[str, ...]
    notes: tuple[str, ...]
    outputs: Arrays


def find_precision(
    make: Callable[[np.dtype[Any]], Program],
    inputs: Callable[[np.dtype[Any]], Arrays],
    *,
    hidden: str | None = None,
) -> Precision:
    """Run a layer in float64, and in float32 where it cannot compute in that.

    Parameters
    ----------
    make : callable, dtype -> Program
    inputs : callable, dtype -> arrays
        What to run it on.
    hidden : str, optional
        What the framework may do to float64 without showing it in the dtype of the output. Then
        the output must also follow a step of the inputs and learnables that only float64 holds.
    """
    double, reason = _outputs(make, inputs, np.dtype(np.float64))
    if reason is None and hidden is not None and not _follows(make, inputs, double):
        reason = hidden
    if reason is None:
        return Precision((), (), double)
    single, problem = _outputs(make, inputs, np.dtype(np.float32))
    if problem is not None:  # it runs in none: the checks say why
        return Precision((), (), double or single)
    note = f"it is verified in float32, where differences see less: in float64 {reason}"
    return Precision(_LOW, (note,), single)


def _outputs(
    make: Callable[[np.dtype[Any]], Program],
    inputs: Callable[[np.dtype[Any]], Arrays],
    dtype: np.dtype[Any],
) -> tuple[Arrays, str | None]:
    """Return what predict gives in a dtype, and why it cannot be used, if so."""
    try:
        program = make(dtype).copied()
        values = program.learnables(), program.states(), inputs(dtype)
        outputs = program.run(*values, "predict", record=False).outputs
    except LayerError as error:
        said = describe(error.original).splitlines()[0]
        return (), f"{error.call} raises {said[:200].rstrip('.')}"
    wrong = [z.dtype for z in outputs if z.dtype.kind in "fc" and not _has(z.dtype, dtype)]
    return outputs, f"its output is {wrong[0]}" if wrong else None


def _follows(
    make: Callable[[np.dtype[Any]], Program],
    inputs: Callable[[np.dtype[Any]], Arrays],
    outputs: Arrays,
) -> bool:
    """Whether outputs that move with a large step move with a tiny one, too.

    The inputs move, and then the learnables: either may be rounded, and some of the outputs alone
    (a leaky ReLU that multiplies in float32 and hands on what is positive).
    """
    for which in (0, 1):
        steps = [_moved(make, inputs, outputs, which, step) for step in (_LARGE, _TINY)]
        if any(step is None for step in steps):
            continue
        large, tiny = steps
        if np.sum(large & tiny) < _FOLLOWING * np.sum(large):
            return False
    return True


def _moved(
    make: Callable[[np.dtype[Any]], Program],
    inputs: Callable[[np.dtype[Any]], Arrays],
    outputs: Arrays,
    which: int,
    step: float,
) -> Any:
    """Return which elements of the outputs a step changes; None where the layer does not run."""
    dtype = np.dtype(np.float64)
    program = make(dtype).copied()
    given = [inputs(dtype), program.learnables()]
    given[which] = _stepped(given[which], step)
    try:
        found = program.run(given[1], program.states(), given[0], "predict", record=False)
    except LayerError:
        return None
    pairs = [p for p in zip(found.outputs, outputs, strict=True) if p[1].dtype.kind in "fc"]
    return np.concatenate([np.ravel(a != b) for a, b in pairs] or [np.zeros(0, bool)])


_LARGE, _TINY = 2.0**-10, 2.0**-36
_FOLLOWING = 0.75  # share; the others may lie where a function is flat


def _stepped(arrays: Arrays, step: float) -> Arrays:
    return tuple(np.asarray(a * (1 + step)) if a.dtype.kind in "fc" else a for a in arrays)


def _has(found: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    return found in (wanted, np.result_type(wanted, np.complex64))
