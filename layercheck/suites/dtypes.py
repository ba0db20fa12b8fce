"""Data types: what comes out has the precision of what goes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.subject import Gradients, Mode
from layercheck.suite import Check, Suite
from layercheck.suites.dtype_causes import cause_of_dtype, fits, promoting_attribute
from layercheck.suites.evidence import (
    name_of_pass,
    output_name,
    source_of_backward,
    source_of_pass,
    tensors,
)
from layercheck.suites.precision import require_low_precision
from layercheck.verdict import fail, skip


def outputs(case: Case) -> None:
    """Outputs have the floating dtype of the inputs and learnables, in both passes.

    An output that is promoted to float64 doubles the memory of all that follows and makes a GPU
    crawl; one that is cut to float32 silently loses half of the digits. Complex outputs have the
    same precision; integer inputs change nothing. Usual causes: ``np.zeros(shape)`` and
    ``np.array(0.5)`` without a dtype, a NumPy float64 constant such as ``np.sqrt(2)``, integers
    multiplied by floats, an ``astype`` with a fixed dtype. Write ``dtype=x.dtype``.
    """
    _require_something_floating(case)
    modes: tuple[Mode, ...] = ("predict",) if case.subject.facts.one_pass else _BOTH
    for mode in modes:
        found = case.base(mode).outputs
        for number, z in enumerate(found):
            if not fits(z, case.dtype) and not _holds_indices(case, found, z):
                _fail_output(case, mode, output_name(number, len(found)), number, z.dtype)


_BOTH: tuple[Mode, ...] = ("predict", "forward")


def _holds_indices(case: Case, outputs: Sequence[Any], output: Any) -> bool:
    """Whether integers are meant: beside floating outputs, or of a framework, which says so."""
    kinds = {np.asarray(z).dtype.kind for z in outputs}
    integers = np.asarray(output).dtype.kind in "biu"
    return integers and (bool(kinds & set("fc")) or case.subject.framework != "numpy")


def _require_something_floating(case: Case) -> None:
    kinds = _kinds(case)
    if not kinds & set("fc"):
        skip("nothing floating goes into the layer, so that no dtype is asked for")
    _require_precision_of_complex(case)


def _kinds(case: Case) -> set[str]:
    point = case.point()
    given = (*point.inputs, *point.learnables, *point.states)
    return {np.asarray(array).dtype.kind for array in given}


def _require_precision_of_complex(case: Case) -> None:
    if case.eps > np.finfo(np.float32).eps and "c" in _kinds(case):
        skip(f"no complex dtype has the precision of {case.dtype}; --dtype float32 has one")


def _fail_output(case: Case, mode: Mode, name: str, number: int, found: np.dtype[Any]) -> None:
    source = source_of_pass(case, mode)
    fail(
        f"The {name} of {name_of_pass(case, mode)} is {found} where {case.dtype} goes in.",
        where=name,
        source=source,
        cause=promoting_attribute(case, mode, number) or cause_of_dtype(case.dtype, found),
        fix=f"Make arrays with dtype={case.subject.input_names[0]}.dtype, and constants plain "
        f"Python numbers.{_only(found)}",
    )


def _only(found: np.dtype[Any]) -> str:
    return " A layer for float64 alone: --dtype float64." if found == np.float64 else ""


def gradients(case: Case) -> None:
    """Each gradient has the dtype of its array.

    The optimiser would promote the learnable, or the layer before gets another dtype than it
    sent. Backward is given upstream gradients of the right dtype here, also where the outputs
    have another. Usual causes are those of ``dtypes.outputs``, above all ``np.zeros(shape)``
    without a dtype in backward.
    """
    _require_precision_of_complex(case)
    found = _gradients_of_right_upstream(case)
    for tensor in tensors(case, case.point(), found):
        gradient, value = tensor.gradient, np.asarray(tensor.value)
        if tensor.integer or gradient is None:
            continue
        if fits(gradient, case.dtype) and np.iscomplexobj(gradient) == np.iscomplexobj(value):
            continue
        dtype = np.asarray(gradient).dtype
        fail(
            f"The gradient of {tensor.title} is {dtype} where {tensor.name} is {value.dtype}.",
            where=tensor.title,
            source=source_of_backward(case),
            cause=cause_of_dtype(value.dtype, dtype),
            fix=_gradient_fix(tensor.name, dtype, value.dtype),
        )


def _gradients_of_right_upstream(case: Case) -> Gradients:
    """The gradients for outputs and upstream gradients cast to the case's dtype."""
    found = case.gradients()
    evaluation = case.base()
    if all(fits(z, case.dtype) for z in evaluation.outputs):
        return found
    casted = tuple(_cast(z, case.dtype) for z in evaluation.outputs)
    done = replace(evaluation.done, outputs=casted)
    right = replace(evaluation, outputs=casted, done=done)
    return case.pull_back(right, case.upstream(casted))


def _cast(array: Any, dtype: np.dtype[Any]) -> np.ndarray:
    array = np.asarray(array)
    target = np.result_type(dtype, np.complex64) if array.dtype.kind == "c" else dtype
    return np.asarray(array.astype(target))


def _gradient_fix(name: str, found: np.dtype[Any], expected: np.dtype[Any]) -> str:
    if found.kind == "c" != expected.kind:
        return f"{name} is real, and so is its gradient: return the real part."
    if expected.kind == "c" != found.kind:
        return f"{name} is complex, and so is its gradient dL/dRe + i dL/dIm."
    return f"Make it with dtype={name}.dtype (np.zeros_like)."


def states(case: Case) -> None:
    """States keep their floating dtype in both passes.

    A running mean that turns into float64 promotes every later output. Usual cause: an update
    with a NumPy float64 constant, or with statistics computed in another dtype.
    """
    slots = case.subject.states
    if not slots:
        skip("the layer has no states; --declare state=NAME names one")
    _require_precision_of_complex(case)
    modes: tuple[Mode, ...] = ("predict",) if case.subject.facts.one_pass else _BOTH
    for mode in modes:
        before = case.point().states
        for slot, old, new in zip(slots, before, case.base(mode).states, strict=True):
            if np.asarray(old).dtype.kind not in "fc" or fits(new, case.dtype):
                continue
            source = source_of_pass(case, mode)
            found = np.asarray(new).dtype
            fail(
                f"{name_of_pass(case, mode)} turns state {slot.name} from {old.dtype} into "
                f"{found}.",
                where=f"state {slot.name}",
                source=source,
                cause=cause_of_dtype(old.dtype, found),
                fix=f"Keep its dtype: .astype(self.{slot.name}.dtype, copy=False).",
            )


def low_precision(case: Case) -> None:
    """In low precision the gradients are those of float64, up to rounding.

    A layer can be right in float64 and useless in the dtype in which it is trained: sums that
    overflow float16, values kept in float16 to save memory, an epsilon that vanishes. The
    gradients may differ by 20 times what changes of the last bit do to them, and by what sums of
    their length lose; they must be finite where float64 is and the dtype can hold the value.
    """
    if case.eps <= np.finfo(np.float64).eps:
        skip(f"compares a lower precision with float64, and this is {case.dtype}")
    dtypes = case.subject.facts.dtypes
    if dtypes and "float64" not in dtypes:
        skip(f"the layer computes in {', '.join(dtypes)} alone, and not in float64")
    case.gradients()
    if case.is_random:
        skip("the layer is random, and draws may be others in another dtype")
    reference = Case(case.subject, np.float64, case.seed, case.options)
    try:
        require_low_precision(case, reference)
    except LayerError as error:
        skip(f"the layer does not run in float64: {error}")
    finally:
        case.evaluations += reference.evaluations


suite = Suite(
    "dtypes",
    "What comes out has the precision of what goes in.",
    (
        Check("outputs", outputs, dtypes="all"),
        Check("gradients", gradients, dtypes="all"),
        Check("states", states, dtypes="all"),
        Check("low_precision", low_precision, dtypes="all"),
    ),
)
