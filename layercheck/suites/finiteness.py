"""Values that are not finite, though a higher precision or the data say that they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.outcome import Finding, Source
from layercheck.subject import Mode
from layercheck.suites.evidence import (
    name_of_pass,
    output_name,
    source_of_backward,
    source_of_pass,
    tensors,
)
from layercheck.suites.float_errors import first_float_error
from layercheck.suites.regimes import cast_point, own_states
from layercheck.where import describe_index, labels_for


@dataclass(frozen=True)
class Values:
    """An output or a gradient to be looked at.

    Parameters
    ----------
    what : str
        ``The output of forward()``.
    array : array
    name : callable, index -> str
        Names one element.
    source : Source or None
    backward : bool
        It is a gradient.
    """

    what: str
    array: np.ndarray
    name: Callable[[tuple[int, ...]], str]
    source: Source | None
    backward: bool = False


def find_nonfinite(case: Case, point: Point, words: str) -> Finding | None:
    """Return the first output or gradient at `point` that is not finite and should be.

    Parameters
    ----------
    words : str
        What the inputs hold, as in ``zeros``.

    Raises
    ------
    Skipped
        A pass raises at the layout itself.
    LayerError
        The layer raises at `point`.
    """
    point = own_states(case, point)
    training = case.base().mode
    modes: tuple[Mode, ...] = ("predict",) if case.subject.facts.one_pass else _BOTH
    for mode in modes:
        case.base(mode)
        backward = mode == training and has_gradients(case)
        found = list(_values(case, point, mode, backward))
        if all(_is_finite(values.array) for values in found):
            continue
        higher = _in_higher_precision(case, point, mode, backward) or []
        for values, exact in zip_longest(found, higher):
            wrong = _wrong(values.array, exact)
            if wrong.any():
                return _finding(case, point, mode, values, exact, wrong, words)
    return None


_BOTH: tuple[Mode, ...] = ("predict", "forward")


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def has_gradients(case: Case) -> bool:
    """Whether there is a backward, and it runs at the layout."""
    if case.subject.facts.backward == "none":
        return False
    try:
        case.attempt_gradients()
    except LayerError:
        return False
    return True


def _values(case: Case, point: Point, mode: Mode, backward: bool) -> Iterator[Values]:
    """The outputs of one pass, then the gradients."""
    usual = point is case.point()
    evaluation = case.base(mode) if usual else case.evaluate(point, mode)
    source = source_of_pass(case, mode)
    layout = point.layouts[0] if point.layouts else None
    for number, z in enumerate(evaluation.outputs):
        name = partial(describe_index, labels=labels_for(np.shape(z), layout), name="z")
        what = f"The {output_name(number, len(evaluation.outputs))} of {name_of_pass(case, mode)}"
        yield Values(what, np.asarray(z), name, source)
    if backward:
        found = (
            case.attempt_gradients()
            if usual
            else case.pull_back(evaluation, case.upstream(evaluation.outputs))
        )
        for tensor in tensors(case, point, found):
            if tensor.gradient is not None and not tensor.integer:
                gradient = np.asarray(tensor.gradient)
                what = f"The gradient of {tensor.title}"
                yield Values(what, gradient, tensor.where, source_of_backward(case), True)


def _in_higher_precision(
    case: Case, point: Point, mode: Mode, backward: bool
) -> list[np.ndarray | None] | None:
    """The same values computed in long double, or float64; None where neither runs.

    Derived gradients have no long doubles, and are then left out.
    """
    for wider in _wider(case):
        other = Case(case.subject, wider, case.seed, case.options)
        derives = backward and not (wider is np.longdouble and case.is_derived)
        try:
            values = list(_values(other, cast_point(point, other), mode, derives))
        except LayerError:
            continue
        finally:
            case.evaluations += other.evaluations
        beyond = _largest(np.empty(0, case.dtype))
        return [v.array if _largest(v.array) > beyond else None for v in values]
    return None


def _wider(case: Case) -> Iterator[Any]:
    """The dtypes in which the layer computes with a larger range; only NumPy has long doubles."""
    known = case.subject.facts.dtypes
    candidates: list[Any] = [np.longdouble] if case.subject.framework == "numpy" else []
    candidates += [np.float64] if not known or "float64" in known else []
    for wider in candidates:
        if np.finfo(wider).max > np.finfo(case.dtype).max:
            yield wider


def _largest(array: np.ndarray) -> Any:
    """The largest value that the dtype of an array can hold; 0 for integers."""
    return np.finfo(array.dtype).max if array.dtype.kind in "fc" else 0


def _wrong(array: np.ndarray, exact: np.ndarray | None) -> np.ndarray:
    """Where `array` is not finite and should be.

    NaN is wrong, except where the right value is finite and too large for the dtype: then it
    stands for a difference of infinities. An infinity is wrong where the dtype can hold the right
    value.
    """
    if array.dtype.kind not in "fc":
        return np.zeros(array.shape, bool)
    nan: np.ndarray = np.isnan(array)
    if exact is None or exact.shape != array.shape:
        return nan
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(exact.real), np.abs(exact.imag))
    held = size <= _largest(array)
    too_large = np.isfinite(size) & ~held
    wrong: np.ndarray = (nan & ~too_large) | (np.isinf(array) & held)
    return wrong


def _finding(
    case: Case,
    point: Point,
    mode: Mode,
    values: Values,
    exact: np.ndarray | None,
    wrong: np.ndarray,
    words: str,
) -> Finding:
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    known = exact is not None and bool(np.isfinite(exact[index]))
    error = first_float_error(case, point, mode, backward=values.backward, finite=known)
    count = int(wrong.sum())
    told = f"{exact.dtype} gives {exact[index]:.6g} there" if exact is not None and known else ""
    return Finding(
        f"{values.what} is {_spelt(values.array[index])} for {words}.",
        where=f"{count} of {wrong.size} elements; first at {values.name(index)}",
        source=error.source(values.source) if error else values.source,
        details=(told,) if told else (),
        wrong=count,
        cause=error.cause(case.dtype) if error else None,
        fix=_fix(case, words, known),
    )


def _spelt(value: Any) -> str:
    return "NaN" if np.isnan(value) else "infinite"


def _fix(case: Case, words: str, known: bool) -> str:
    if known:
        return "Compute the same in an order in which no value on the way leaves the range."
    if "generated" in words:
        name = case.subject.input_names[0]
        return (
            "If the layer is meant for other values, give their range: "
            f"--range {name}=LOW:HIGH; else guard the operation."
        )
    return "Guard the operation: a small constant in the denominator, or np.where on its argument."
