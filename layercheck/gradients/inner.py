"""What lies inside a layer, as far as can be guessed: functions of a x, W x and W x + b."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from layercheck.gradients.evidence import Bools, Evidence
from layercheck.gradients.known import Known, Named, named_arrays, placements, plain_arrays
from layercheck.gradients.products import Product, name_product
from layercheck.gradients.quotients import Array

_MOST_PAIRS = 12
_WIDEST = 700


def name_inner(target: Array, evidence: Evidence, where: Bools) -> Product | None:
    """Name an array as a product of what may lie inside the layer."""
    return name_product(target, inner_arrays(evidence), where, widest=_WIDEST)


def inner_arrays(evidence: Evidence) -> list[Known]:
    """Return arguments and outputs, and functions of products of a learnable and an input."""
    plain = [known for known in plain_arrays(evidence) if known.value.size > 1]
    found = [*plain, *(Known(f"(1 - {k.name})", 1 - k.value, False) for k in plain)]
    for argument in itertools.islice(_arguments(evidence), _MOST_PAIRS):
        for value in placements(argument, evidence):
            found.extend(_functions(argument.name, value))
    return found


def _arguments(evidence: Evidence) -> Iterator[Named]:
    """Products that broadcast, and matrix products with and without a bias."""
    tensors = evidence.specimen.tensors
    names = {kind: {t.name for t in tensors if t.kind == kind} for kind in ("input", "learnable")}
    arrays = [named for named in named_arrays(evidence) if named.value.size > 1]
    inputs = [named for named in arrays if named.name in names["input"]]
    learnables = [named for named in arrays if named.name in names["learnable"]]
    for w, x in itertools.product(learnables, inputs):
        if _broadcasts(w.value, x.value):
            yield Named(f"{w.name} {x.name}", w.value * x.value, x.labels)
        for product in _matrix_products(w, x):
            yield product
            for b in learnables:
                if b is not w and _broadcasts(b.value, product.value):
                    yield Named(f"{product.name} + {b.name}", product.value + b.value, x.labels)


def _broadcasts(small: Array, large: Array) -> bool:
    """Whether one array has the axes of the other, some of length 1."""
    return small.ndim == large.ndim and all(
        n in (1, m) for n, m in zip(small.shape, large.shape, strict=True)
    )


def _matrix_products(w: Named, x: Named) -> Iterator[Named]:
    """Apply a matrix, as it is and transposed, along each axis of an array that fits."""
    if w.value.ndim != 2:
        return
    for axis, n in enumerate(x.value.shape):
        for side, name in ((1, w.name), (0, f"{w.name}'")):
            if w.value.shape[side] == n > 1:
                applied = np.tensordot(w.value, x.value, axes=(side, axis))
                yield Named(f"{name} {x.name}", np.moveaxis(applied, 0, axis), x.labels)


def _functions(name: str, a: Array) -> Iterator[Known]:
    with np.errstate(all="ignore"):
        sigmoid, tanh = 0.5 * (1 + np.tanh(0.5 * a)), np.tanh(a)
        for text, value in (
            ("sigmoid({})", sigmoid),
            ("(1 - sigmoid({}))", 1 - sigmoid),
            ("sigmoid'({})", sigmoid * (1 - sigmoid)),
            ("tanh({})", tanh),
            ("(1 - tanh({})^2)", 1 - tanh**2),
            ("exp({})", np.exp(a)),
            ("sin({})", np.sin(a)),
            ("cos({})", np.cos(a)),
            ("sin(2 {})", np.sin(2 * a)),
        ):
            yield Known(text.format(name), value, False)
