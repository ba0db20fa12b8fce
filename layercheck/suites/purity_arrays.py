"""Checks of memory: who shares it, and whether it matters how an array lies in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.observations import is_random
from layercheck.outcome import Cause
from layercheck.rounds import Live, Ran
from layercheck.subject import Arrays, Gradients, Mode
from layercheck.suites.agreement import (
    called,
    disagreement,
    gradient_pairs,
    output_pairs,
    passes,
)
from layercheck.suites.evidence import (
    line_of_error,
    output_name,
    source_of_backward,
    source_of_error,
    source_of_pass,
)
from layercheck.suites.held import class_arrays, owner_of, same, share_memory
from layercheck.suites.writes import has_gradients, is_refused_write, writes
from layercheck.verdict import Failed, Passed, fail


@dataclass(frozen=True)
class Result:
    """An array that a call handed out, and a copy of what it was then."""

    name: str
    call: str
    array: Any
    copy: np.ndarray


def no_aliasing(case: Case) -> Passed | None:
    """Outputs and gradients keep their values, whatever is called later.

    They share no memory with learnables or with arrays of the class, which the optimiser or
    another object writes, nor with a buffer that a later call writes: else the output of the
    first batch changes when the second one runs. Sharing with the input or the upstream gradient
    is fine. The usual causes are an output buffer allocated once (`self.out[...] = ...`), a
    backward that edits its cache where the cache is the output, and `return self.W`.

    Fix: return a new array, or a copy of the buffer.
    """
    live = Live(case)
    inputs = live.inputs()
    for mode in passes(case):
        case.base(mode)
    training = passes(case)[-1]
    ran = live.run(inputs, training)
    results = [
        Result(f"the {output_name(i, len(ran.outputs))}", called(case, training), z, np.array(z))
        for i, z in enumerate(ran.outputs)
    ]
    upstream: Arrays = ()
    if has_gradients(case):
        upstream = case.upstream(ran.outputs)
        gradients = live.pull_back(ran, upstream)
        _require_kept(case, live, results, "backward()", (*inputs, *upstream))
        results += list(_gradient_results(case, gradients))
    for result in results:
        _require_own_memory(case, live, result)
    for call in _later_calls(case, live):
        _require_kept(case, live, results, call, (*inputs, *upstream))
    return None


def _gradient_results(case: Case, gradients: Gradients) -> Iterator[Result]:
    """Gradients that backward returned; those that the layer keeps are its own buffers."""
    for name, dx in zip(case.subject.input_names, gradients.inputs, strict=True):
        if dx is not None:
            yield Result(f"the gradient of {name}", "backward()", dx, np.array(dx))
    for slot, dw in zip(case.subject.learnables, gradients.learnables, strict=True):
        if dw is not None and (slot.gradient or "").startswith("returned"):
            yield Result(f"the gradient of {slot.name}", "backward()", dw, np.array(dw))


def _require_own_memory(case: Case, live: Live, result: Result) -> None:
    shared = [
        (f"the learnable {slot.name}", value)
        for slot, value in zip(case.subject.learnables, live.instance.learnables(), strict=True)
    ]
    shared += [(f"the class attribute {n}", a) for n, a in class_arrays(live.instance.layer)]
    for owner, array in shared:
        if share_memory(result.array, array):
            fail(
                f"{_sentence(result.name)} shares memory with {owner}: who writes into one "
                "changes the other.",
                where=result.call,
                source=_source(case, result.call),
                fix="Return a copy.",
            )


def _later_calls(case: Case, live: Live) -> Iterator[str]:
    """Run a second round with other data; yield the name of each call after it."""
    live.clear_gradients()
    for mode in reversed(passes(case)):
        ran = live.run(live.other_inputs(), mode)
        yield f"the next {called(case, mode)}"
        if mode == passes(case)[-1] and has_gradients(case):
            live.pull_back(ran, live.other_upstream(ran.outputs))
            yield "the next backward()"
    if case.subject.facts.reset:
        try:
            live.reset()
        except LayerError:
            return
        yield "the reset"


def _require_kept(
    case: Case, live: Live, results: Sequence[Result], call: str, given: Sequence[Any]
) -> None:
    """Fail where a result has changed, unless it is memory of the caller."""
    for result in results:
        borrowed = any(share_memory(result.array, array) for array in given)
        if borrowed or same(result.array, result.copy):
            continue
        owner = owner_of(result.array, live.instance.layer)
        held = f" It lies in the layer's attribute {owner}." if owner else ""
        count = int(np.sum(np.asarray(result.array) != result.copy))
        fail(
            f"{_sentence(result.name)} that {result.call} returned changes when {call} runs.{held}",
            where=f"{count} of {result.copy.size} elements",
            source=_source(case, result.call),
            cause=None
            if owner is None
            else Cause(
                "reused-buffer",
                f"{result.call} hands out the attribute {owner} itself, and {call} writes into "
                f"it: {count} elements changed.",
                {"attribute": owner, "call": call},
            ),
            fix="Return a copy of the buffer, or a new array.",
        )


def _sentence(name: str) -> str:
    return name[:1].upper() + name[1:]


def _source(case: Case, call: str) -> Any:
    return (
        source_of_backward(case) if call == "backward()" else source_of_pass(case, passes(case)[-1])
    )


def strided_inputs(case: Case) -> Passed | None:
    """Inputs and upstream gradients give the same however they lie in memory.

    A slice, a transpose or a flip is a view whose elements do not follow each other, and an array
    from a file or a broadcast may be read-only. The usual causes of a difference are `x.shape =
    ...` and `x.view(...)`, which need contiguous memory, `ravel(order="K")`, writing through a
    reshape, which is a copy then, and any write into the argument.

    Fix: use `x.reshape(...)`, index by axes, and write into arrays of your own.
    """
    for mode in passes(case):
        case.base(mode)
    for name, arranged in TOGETHER.items():
        try:
            _require_same_everywhere(case, name, arranged)
        except Failed:  # name the one property that matters, where it is one alone
            for single, alone in ARRANGEMENTS.items():
                _require_same_everywhere(case, single, alone)
            raise
    return None


def _require_same_everywhere(case: Case, name: str, arranged: Callable[[Any], Any]) -> None:
    for mode in passes(case):
        _require_same(case, name, arranged, mode)


def _require_same(case: Case, name: str, arranged: Callable[[Any], Any], mode: Mode) -> None:
    live = Live(case)
    inputs = tuple(arranged(x) for x in case.point().inputs)
    ran: Ran = _attempt(case, name, lambda: live.run(inputs, mode), mode)
    base = case.base(mode)
    if is_random(case, mode):  # frameworks draw in the order of memory
        return
    differs = disagreement(output_pairs(case, ran.outputs, base.outputs, mode))
    if differs is not None:
        fail(
            f"{called(case, mode)} gives another output where its input is {name}.",
            source=source_of_pass(case, mode),
            fix=_FIX,
            **differs.evidence,
        )
    if mode != passes(case)[-1] or not has_gradients(case):
        return
    upstream = tuple(arranged(d) for d in case.upstream(base.outputs))
    found: Gradients = _attempt(case, name, lambda: live.pull_back(ran, upstream), None)
    expected = case.gradients()
    for of in ("inputs", "learnables"):
        pairs = gradient_pairs(case, getattr(found, of), getattr(expected, of), of=of)
        differs = disagreement(pairs)
        if differs is not None:
            fail(
                f"backward() gives another gradient where its arguments are {name}.",
                source=source_of_backward(case),
                fix=_FIX,
                **differs.evidence,
            )


_FIX = "Use reshape() and axes, not the order of memory; write into arrays of your own."


def _attempt(case: Case, name: str, run: Callable[[], Any], mode: Mode | None) -> Any:
    """Run a call; that it raises where plain arrays do not is a failure. Backward has no mode."""
    try:
        return run()
    except LayerError as error:
        call = "backward()" if mode is None else called(case, mode)
        known = source_of_backward(case) if mode is None else source_of_pass(case, mode)
        fail(
            f"{call} fails where its arguments are {name}.",
            source=source_of_error(error, known),
            details=(f"{error}", *line_of_error(error)),
            cause=_refused(case, error, call, mode),
            fix="Work on a copy of the argument." if is_refused_write(error) else _FIX,
        )


def _refused(case: Case, error: LayerError, call: str, mode: Mode | None) -> Cause | None:
    if not is_refused_write(error):
        return None
    line = "".join(f" in the line `{text}`" for text in line_of_error(error))
    return Cause(
        "mutates-upstream" if mode is None and writes(case, "upstream") else "mutates-input",
        f"{call} writes into an argument{line}, which NumPy refuses where it is read-only.",
    )


def _every_other(array: np.ndarray) -> np.ndarray:
    """Every other element of a larger array, NaN between them."""
    if array.ndim == 0:
        return array.copy()
    filling = np.nan if array.dtype.kind in "fc" else 0
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1] + 1), filling, array.dtype)
    view = wide[..., 1::2]
    view[...] = array
    return view


def _backwards(array: np.ndarray) -> np.ndarray:
    """The same elements, stored from the last to the first."""
    turn = (slice(None, None, -1),) * array.ndim
    return np.array(array[turn])[turn] if array.ndim else array.copy()


def _fortran(array: np.ndarray) -> np.ndarray:
    return np.array(array, order="F")


def _read_only(array: np.ndarray) -> np.ndarray:
    return _protected(array.copy())


def _protected(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _backwards_apart(array: np.ndarray) -> np.ndarray:
    """Every other element of a larger array, stored from the last to the first."""
    turn = (slice(None, None, -1),) * array.ndim
    return _every_other(array[turn])[turn] if array.ndim else array.copy()


ARRANGEMENTS: dict[str, Callable[[Any], Any]] = {
    "not contiguous (every other element of an array)": _every_other,
    "in Fortran order": _fortran,
    "stored backwards (negative strides)": _backwards,
    "read-only": _read_only,
}
# What is asked first; the single properties are asked where one of these fails.
TOGETHER: dict[str, Callable[[Any], Any]] = {
    "not contiguous, stored backwards and read-only": lambda x: _protected(_backwards_apart(x)),
    "in Fortran order and read-only": lambda x: _protected(_fortran(x)),
}
