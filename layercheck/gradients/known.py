"""Arrays that an author may have multiplied by, or forgotten: the layer's own and their kin."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.gradients.jacobians import local_derivative
from layercheck.gradients.numbers import epsilons
from layercheck.gradients.quotients import Array

_MOST = 400


@dataclass(frozen=True)
class Known:
    """A known array laid out along the axes of a Jacobian.

    Parameters
    ----------
    name : str
        As a formula: ``x``, ``1 - z^2``.
    value : array
        Broadcasts against the Jacobian.
    plain : bool
        An argument, an output or a sum of such, as against a function of one.
    """

    name: str
    value: Array
    plain: bool


@dataclass(frozen=True)
class Named:
    """An array of the layer, with the label of each axis."""

    name: str
    value: Array
    labels: tuple[str, ...]


def known_arrays(evidence: Evidence) -> list[Known]:
    """Return the known arrays in every way they fit the axes of `evidence`."""
    found: list[Known] = []
    for named in named_arrays(evidence):
        for value in placements(named, evidence):
            found.extend(_family(named.name, value))
            if len(found) > _MOST:
                return found
    return found


def plain_arrays(evidence: Evidence) -> list[Known]:
    """Return the arguments and outputs alone, in every way they fit."""
    return [
        Known(named.name, value, True)
        for named in named_arrays(evidence, reductions=False)
        for value in placements(named, evidence)
    ]


def named_arrays(evidence: Evidence, reductions: bool = True) -> Iterator[Named]:
    """The layer's arguments and outputs, their sums and differences, and means over axes."""
    specimen = evidence.specimen
    base: list[Named] = []
    layouts = specimen.point.layouts
    for tensor in specimen.tensors:
        labels = _labels(tensor.value.shape, layouts, tensor.kind == "input" and tensor.position)
        base.append(Named(tensor.name, tensor.value, labels))
    names = _output_symbols(evidence)
    for name, z in zip(names, specimen.outputs, strict=True):
        base.append(Named(name, z, _labels(z.shape, layouts, None)))
    real = [named for named in base if named.value.dtype.kind == "f" and named.value.size]
    yield from real
    yield from _combined(real)
    for tensor in specimen.tensors[: len(specimen.point.inputs)]:
        if tensor.kind == "input" and tensor.title != evidence.tensor.title:
            slope = local_derivative(specimen, tensor)
            if slope is not None:
                yield Named(f"dz/d{tensor.name}", slope, _labels(slope.shape, layouts, None))
    if reductions:
        for named in real[: len(specimen.evaluation.done.inputs)]:
            yield from _reduced(named, specimen.case.subject.layer)


def _output_symbols(evidence: Evidence) -> list[str]:
    count = len(evidence.specimen.evaluation.outputs)
    states = [slot.name for slot in evidence.specimen.case.subject.states]
    outputs = ["z"] if count == 1 else [f"z{k + 1}" for k in range(count)]
    return [*outputs, *(f"new_{name}" for name in states)][: len(evidence.specimen.outputs)]


def _labels(
    shape: tuple[int, ...], layouts: tuple[object, ...], position: object
) -> tuple[str, ...]:
    """The label of each axis: the layout's own, else by size."""
    from layercheck.layout import Layout
    from layercheck.where import axis_names

    known = [layout for layout in layouts if isinstance(layout, Layout)]
    if isinstance(position, int) and not isinstance(position, bool):
        return axis_names(known[position].labels)
    for layout in known:
        if len(shape) == layout.rank and all(
            n in (1, m) for n, m in zip(shape, layout.shape, strict=True)
        ):
            return axis_names(layout.labels)
    return ("",) * len(shape)


def _combined(arrays: list[Named]) -> Iterator[Named]:
    """Sums and differences of arrays of one shape."""
    for a, b in itertools.combinations(arrays, 2):
        if a.value.shape == b.value.shape and a.value.size > 1:
            yield Named(f"({b.name} - {a.name})", b.value - a.value, a.labels)
            yield Named(f"({b.name} + {a.name})", b.value + a.value, a.labels)


def _reduced(named: Named, layer: object) -> Iterator[Named]:
    """Means, lengths and spreads over sets of axes, over many first; slices; normalised values."""
    x = named.value
    axes = [axis for axis, n in enumerate(x.shape) if n > 1]
    counts = range(min(len(axes), 3), 0, -1)
    sets = [over for count in counts for over in itertools.combinations(axes, count)]
    texts = [",".join(named.labels[axis] or str(axis) for axis in over) for over in sets]
    for over, along in zip(sets, texts, strict=True):
        deviation = x.std(axis=over, keepdims=True)
        length = np.sqrt((x**2).sum(axis=over, keepdims=True))
        for what, value in (
            ("mean", x.mean(axis=over, keepdims=True)),
            ("std", deviation),
            ("length", length),
        ):
            yield Named(f"{what} of {named.name} over {along}", value, named.labels)
        for eps in epsilons(layer)[1:]:
            spread = np.sqrt(deviation**2 + eps)
            yield Named(f"std of {named.name} over {along} (eps {eps:g})", spread, named.labels)
    for axis in axes:
        first = np.take(x, [0], axis=axis)
        label = named.labels[axis] or str(axis)
        yield Named(f"{named.name} at {label}=0", first, named.labels)
    for over, along in zip(sets, texts, strict=True):
        centred = x - x.mean(axis=over, keepdims=True)
        for eps in epsilons(layer):
            spread = np.sqrt(x.std(axis=over, keepdims=True) ** 2 + eps)
            yield Named(f"normalised {named.name} over {along}", centred / spread, named.labels)


def placements(named: Named, evidence: Evidence) -> Iterator[Array]:
    """Lay an array's axes out along axes of the Jacobian of the same sizes."""
    long = [axis for axis, n in enumerate(named.value.shape) if n > 1]
    core = named.value.reshape([named.value.shape[axis] for axis in long])
    choices = [
        sorted(
            (i for i, axis in enumerate(evidence.axes) if axis.length == named.value.shape[a]),
            key=lambda i, a=a: evidence.axes[i].name != named.labels[a],  # type: ignore[misc]
        )
        for a in long
    ]
    for placed in itertools.islice(itertools.product(*choices), 24):
        if len(set(placed)) == len(placed):
            cut = core[np.ix_(*(evidence.axes[i].indices for i in placed))] if placed else core
            order = np.argsort(placed)
            shape = [1] * len(evidence.axes)
            for i in placed:
                shape[i] = evidence.axes[i].size
            yield np.transpose(cut, order).reshape(shape).astype(np.float64)


def _family(name: str, a: Array) -> Iterator[Known]:
    """An array and the functions of it that local derivatives are made of."""
    yield Known(name, a, True)
    if a.size == 1 or " " in name.strip("()").replace(" - ", "").replace(" + ", ""):
        return
    with np.errstate(all="ignore"):
        yield Known(f"(1 - {name})", 1 - a, False)
        yield Known(f"(1 + {name})", 1 + a, False)
        if name.startswith(("(", "dz/d")):
            return
        yield Known(f"(1 + {name}^2)", 1 + a**2, False)
        sigmoid = 0.5 * (1 + np.tanh(0.5 * a))
        for text, value in (
            (f"exp({name})", np.exp(a)),
            (f"exp(-{name}^2)", np.exp(-(a**2))),
            (f"sigmoid({name})", sigmoid),
            (f"(1 - sigmoid({name}))", 1 - sigmoid),
            (f"tanh({name})", np.tanh(a)),
            (f"(1 - tanh({name})^2)", 1 - np.tanh(a) ** 2),
            (f"(1 + |{name}|)", 1 + np.abs(a)),
            (f"sin({name})", np.sin(a)),
            (f"cos({name})", np.cos(a)),
            (f"log({name})", np.log(np.abs(a))),
        ):
            yield Known(text, value, False)


def contractions(evidence: Evidence) -> Iterator[Known]:
    """Sums over a common axis of products of two plain arrays, in every way they fit."""
    arrays = [n for n in named_arrays(evidence, reductions=False) if 2 <= n.value.ndim <= 4]
    arrays = [n for n in arrays if not n.name.startswith("(")]
    made = 0
    for a, b in itertools.product(arrays, arrays):
        for i, j in itertools.product(range(a.value.ndim), range(b.value.ndim)):
            if a.value.shape[i] != b.value.shape[j] or a.value.shape[i] < 2 or (a is b and i == j):
                continue
            for shared, value, labels in _contracted(a, i, b, j):
                name = f"sum over {shared} of {a.name} {b.name}"
                for placed in placements(Named(name, value, labels), evidence):
                    yield Known(name, placed, True)
                    made += 1
                    if made > _MOST:
                        return


def _contracted(a: Named, i: int, b: Named, j: int) -> Iterator[tuple[str, Array, tuple[str, ...]]]:
    """Contract axis i of a with axis j of b; other axes of one label and size run together."""
    shared = a.labels[i] or b.labels[j] or f"axis {i} of {a.name}"
    rest = [k for k in range(b.value.ndim) if k != j]
    together = {
        k: next(
            (
                m
                for m in range(a.value.ndim)
                if m != i
                and a.labels[m]
                and a.labels[m] == b.labels[k]
                and a.value.shape[m] == b.value.shape[k] > 1
            ),
            None,
        )
        for k in rest
    }
    for common in {True, any(m is not None for m in together.values())} - {None}:
        ids_a = list(range(a.value.ndim))
        ids_b = [0] * b.value.ndim
        ids_b[j] = i
        fresh = itertools.count(a.value.ndim)
        kept = [m for m in ids_a if m != i]
        labels = [a.labels[m] for m in kept]
        for k in rest:
            partner = together[k] if common else None
            if partner is not None:
                ids_b[k] = partner
            else:
                ids_b[k] = next(fresh)
                kept.append(ids_b[k])
                labels.append(b.labels[k])
        if math.prod([*a.value.shape, *b.value.shape]) > 10**6:
            return
        operands: list[Any] = [a.value, ids_a, b.value, ids_b, kept]
        yield shared, np.einsum(*operands), tuple(labels)
        if not common:
            return
