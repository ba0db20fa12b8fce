"""What findings tell alike: the place in the user's code, sizes, and the tensors of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.frames import source_line
from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.subject import Gradients, Mode
from layercheck.where import describe_index, labels_for


@dataclass(frozen=True)
class Tensor:
    """An argument of the layer, and its gradient.

    Parameters
    ----------
    kind : {"input", "learnable", "state"}
    name : str
    value : array
        What the layer was given.
    gradient : array or None
        What backward gave for it; None where it gave none.
    layout : Layout or None
        The layout in whose labels its elements are named.
    integer : bool
        It holds integers, and so has no gradient.
    """

    kind: str
    name: str
    value: Any
    gradient: Any
    layout: Layout | None = None
    integer: bool = False

    @property
    def title(self) -> str:
        """``input x``, ``learnable alpha``."""
        return f"{self.kind} {self.name}"

    def where(self, index: tuple[int, ...]) -> str:
        """Name one element: ``x at S1=2, S2=0, C=3, B=1``, or ``W[2, 0]``."""
        labels = labels_for(np.shape(self.value), self.layout)
        if labels is None or not index:
            return describe_index(index, None, self.name) if index else self.name
        return f"{self.name} at {describe_index(index, labels)}"


def tensors(case: Case, point: Point, gradients: Gradients) -> Iterator[Tensor]:
    """Yield every input, learnable and state with its gradient.

    States are left out where backward has no gradients for them.
    """
    subject = case.subject
    first = point.layouts[0] if point.layouts else None
    for i, name in enumerate(subject.input_names):
        integer = np.asarray(point.inputs[i]).dtype.kind not in "fc"
        yield Tensor("input", name, point.inputs[i], gradients.inputs[i], point.layouts[i], integer)
    for slot, w, dw in zip(subject.learnables, point.learnables, gradients.learnables, strict=True):
        yield Tensor("learnable", slot.name, w, dw, first)
    for slot, s, ds in zip(subject.states, point.states, gradients.states or (), strict=False):
        yield Tensor("state", slot.name, s, ds, first)


def sizes(case: Case, layouts: tuple[Layout, ...]) -> str:
    """Return ``x SSCB:24,24,20,128, h CB:5,128``."""
    names = case.subject.input_names
    return ", ".join(f"{name} {layout}" for name, layout in zip(names, layouts, strict=True))


def output_name(number: int, count: int) -> str:
    """Return ``output`` where there is one, else ``output 2``."""
    return "output" if count == 1 else f"output {number + 1}"


def source_of_pass(case: Case, mode: Mode) -> Source | None:
    """Return where the pass that serves `mode` is written."""
    sources = case.subject.sources
    other = "forward" if mode == "predict" else "predict"
    return sources.get(mode) or sources.get(other)


def name_of_pass(case: Case, mode: Mode) -> str:
    """Return what the user calls a pass: ``forward()``, ``forward(training=False)``."""
    source = source_of_pass(case, mode)
    name = (source.function if source is not None else None) or mode
    head, _, rest = name.partition("(")
    return f"{head.rpartition('.')[2]}({rest or ')'}"


def source_of_backward(case: Case) -> Source | None:
    """Return where backward is written."""
    return case.subject.sources.get("backward")


def source_of_error(error: LayerError, known: Source | None) -> Source | None:
    """Return the line that raised; `known` is where the method that was called is written."""
    if error.file is None:
        return known
    return Source(error.file, error.line, known.function if known else None)


def copy_of(case: Case, name: str) -> str:
    """Return how a copy of an array is written: ``x.copy()``."""
    return f"{name}.clone()" if case.subject.framework == "torch" else f"{name}.copy()"


def line_of_error(error: LayerError) -> tuple[str, ...]:
    """Return the text of the line that raised, for the details of a finding."""
    text = source_line(error.file, error.line) if error.file and error.line else ""
    return (text,) if text else ()
