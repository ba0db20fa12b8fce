"""Who writes where: one round of calls on a live layer, with what it was given watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError, describe
from layercheck.frames import source_line
from layercheck.layout import Layout
from layercheck.observations import output_layouts
from layercheck.outcome import Source
from layercheck.rounds import Live, copies
from layercheck.subject import Arrays, Mode
from layercheck.suites.agreement import called, passes
from layercheck.suites.evidence import source_of_pass
from layercheck.suites.held import same
from layercheck.tolerances import difference
from layercheck.verdict import Skipped
from layercheck.where import describe_index, labels_for

Kind = Literal["input", "upstream", "learnable"]


@dataclass(frozen=True)
class Write:
    """A call that changed an array that it was given, or a learnable.

    Parameters
    ----------
    call : {"predict", "forward", "backward"}
    name : str
        The array: ``x``, ``the upstream gradient``, ``W``.
    """

    kind: Kind
    call: Literal["predict", "forward", "backward"]
    name: str
    before: np.ndarray
    after: np.ndarray
    layout: Layout | None = None

    @property
    def changed(self) -> str:
        """How many elements changed."""
        if self.before.shape != self.after.shape:
            return f"its shape was {self.before.shape} and is {self.after.shape}"
        count = int(np.sum(self.before != self.after))
        return f"{count} of {self.before.size} elements differ after the call"

    @property
    def where(self) -> str:
        """How many elements changed, and the worst of them."""
        if self.before.shape != self.after.shape:
            return f"{self.name}: shape {self.before.shape} before, {self.after.shape} after"
        found = difference(self.after, self.before, 0.0)
        if found is None:  # only the dtype or the sign of a zero differs
            return f"{self.name}: dtype {self.before.dtype} before, {self.after.dtype} after"
        labels = labels_for(self.before.shape, self.layout)
        symbol = "dz" if self.kind == "upstream" else self.name
        index = describe_index(found.worst.index, labels, symbol)
        of = f"{found.wrong} of {self.before.size} elements of {self.name}"
        numbers = f"{found.worst.numeric:.6g} before, {found.worst.analytic:.6g} after"
        return f"{of}; at {index}: {numbers}"


def writes(case: Case, kind: Kind) -> tuple[Write, ...]:
    """Return the calls that changed an array of a kind, in order."""
    found = case.memo("writes", lambda: tuple(_watch(case)))
    return tuple(write for write in found if write.kind == kind)


def has_gradients(case: Case) -> bool:
    """Whether there is a backward, and it runs."""
    try:
        case.gradients()
    except Skipped:
        return False
    return True


def _watch(case: Case) -> list[Write]:
    found: list[Write] = []
    for mode in passes(case):
        case.base(mode)
        live = Live(case)
        given, learnables = live.inputs(), copies(live.instance.learnables())
        ran = live.run(given, mode)
        found += _inputs(case, mode, case.point().inputs, given)
        found += _learnables(case, mode, learnables, live)
    if not has_gradients(case):
        return found
    inputs, learnables = copies(given), copies(live.instance.learnables())
    upstream = case.upstream(ran.outputs)
    carried = live.state_upstream()
    handed = (*upstream, *(carried or ()))
    before = copies(handed)
    live.pull_back(ran, upstream, carried)
    found += _inputs(case, "backward", inputs, given)
    for number, (old, new) in enumerate(zip(before, handed, strict=True)):
        if not same(old, new):
            layout = output_layouts(case)[number] if number < len(upstream) else None
            name = _name(case, number, upstream)
            found.append(Write("upstream", "backward", name, old, new, layout))
    return found + _learnables(case, "backward", learnables, live)


def _name(case: Case, number: int, upstream: Arrays) -> str:
    if number >= len(upstream):
        return f"the upstream gradient of state {case.subject.states[number - len(upstream)].name}"
    of = f" of output {number + 1}" if len(upstream) > 1 else ""
    return f"the upstream gradient{of}"


def _inputs(case: Case, call: Any, before: Sequence[Any], after: Sequence[Any]) -> list[Write]:
    names, layouts = case.subject.input_names, case.layouts
    return [
        Write("input", call, name, old, np.array(new), layout)
        for name, layout, old, new in zip(names, layouts, before, after, strict=True)
        if not same(old, new)
    ]


def _learnables(case: Case, call: Any, before: Sequence[Any], live: Live) -> list[Write]:
    after = copies(live.instance.learnables())
    return [
        Write("learnable", call, slot.name, old, new)
        for slot, old, new in zip(case.subject.learnables, before, after, strict=True)
        if old is not None and new is not None and not same(old, new)
    ]


def line_of(case: Case, write: Write) -> Source | None:
    """Return the line that writes: the one that raises where the array is read-only."""
    mode: Mode = "predict" if write.call == "predict" else "forward"
    live = Live(case)
    inputs = live.inputs()
    try:
        if write.call == "backward":
            ran = live.run(inputs, mode)
            upstream = case.upstream(ran.outputs)
            _protect(write, live, inputs, upstream)
            live.pull_back(ran, upstream)
        else:
            _protect(write, live, inputs, ())
            live.run(inputs, mode)
    except LayerError as error:
        if is_refused_write(error):
            return Source(error.file, error.line, _function(case, write))
    return _known(case, write)


def _protect(write: Write, live: Live, inputs: Arrays, upstream: Arrays) -> None:
    arrays = {"input": inputs, "upstream": upstream, "learnable": live.instance.learnables()}
    for array in arrays[write.kind]:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False


def is_refused_write(error: LayerError) -> bool:
    """Whether numpy refused to write into a read-only array."""
    return isinstance(error.original, ValueError) and "read-only" in describe(error.original)


def _known(case: Case, write: Write) -> Source | None:
    if write.call == "backward":
        return case.subject.sources.get("backward")
    return source_of_pass(case, write.call)


def _function(case: Case, write: Write) -> str | None:
    known = _known(case, write)
    return known.function if known is not None else None


def name_of_call(case: Case, write: Write) -> str:
    """Return ``forward()``, as the user calls it."""
    return "backward()" if write.call == "backward" else called(case, write.call)


def writing_line(case: Case, write: Write, source: Source | None) -> str:
    """Return `` in the line `x -= 1` `` where the very line is known, else nothing."""
    if source is None or source.file is None or source.line is None:
        return ""
    text = source_line(source.file, source.line) if source != _known(case, write) else ""
    return f" in the line `{text}`" if text else ""
