"""Why a gradient is wrong: hypotheses matched at the smallest layout that still shows it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError, UsageError
from layercheck.gradients.diagnose import Full, explain, full_gradient
from layercheck.layout import Layout
from layercheck.outcome import Cause
from layercheck.suites.evidence import Tensor
from layercheck.suites.gradient_trials import Trial, make_trial
from layercheck.where import axis_names

_SMALL = {"B": (3, 4), "T": (4, 6), "S": (5, 7), "U": (5, 7)}
_SMALL_ENOUGH = 600  # input elements up to which a layout is not shrunk
_NEAR = 1e-6


def causes(t: Trial, tensor: Tensor) -> list[Cause]:
    """Return the causes whose evidence holds, the most specific first."""
    for layouts in _layouts(t.case):
        full = _full(t.case, layouts, tensor, t.draw)
        if full is not None and full.wrong.any():
            factor = _factor(t, layouts, tensor, full)
            return [*([factor] if factor else []), *explain(full, tensor.name)]
    return []


def _layouts(case: Case) -> Iterator[tuple[Layout, ...]]:
    """The layouts to try, smallest first: all but C reduced, B reduced, the layout itself."""
    if sum(math.prod(layout.shape) for layout in case.layouts) > _SMALL_ENOUGH:
        for labels in ("BTSU", "BT", "B"):
            yield tuple(_reduced(layout, labels) for layout in case.layouts)
    yield case.layouts


def _reduced(layout: Layout, labels: str) -> Layout:
    sizes, used = [], dict.fromkeys(_SMALL, 0)
    for label, n in zip(layout.format, layout.shape, strict=True):
        if label in labels:
            small = _SMALL[label][min(used[label], 1)]
            used[label] += 1
            n = min(n, small)
        sizes.append(n)
    return Layout.of(layout.format, tuple(sizes))


def count_wrong(t: Trial, tensor: Tensor) -> int | None:
    """How many elements are wrong at the layout itself; None where it is large."""
    if sum(math.prod(layout.shape) for layout in t.case.layouts) > _SMALL_ENOUGH:
        return None
    full = _full(t.case, t.case.layouts, tensor, t.draw)
    return None if full is None else int(np.count_nonzero(full.wrong)) or None


def _full(case: Case, layouts: tuple[Layout, ...], tensor: Tensor, draw: int) -> Full | None:
    """The full gradients at some layouts; None where the layer does not run there."""
    key = ("gradients.full", layouts, tensor.kind, tensor.name, draw)
    return case.memo(key, lambda: _find_full(case, layouts, tensor, draw))


def _find_full(case: Case, layouts: tuple[Layout, ...], tensor: Tensor, draw: int) -> Full | None:
    try:
        t = make_trial(case, case.point(draw=draw, sizes=layouts), draw)
        if t is None:
            return None
        own = t.tensor(tensor.kind, tensor.name)
        if own.gradient is None:
            own = replace(own, gradient=np.zeros_like(own.value))
        if np.shape(own.gradient) != np.shape(own.value):
            return None
        return full_gradient(t.pose(own), case.rng("full", tensor.name))
    except (LayerError, UsageError):
        return None


def _factor(t: Trial, layouts: tuple[Layout, ...], tensor: Tensor, full: Full) -> Cause | None:
    """Name a constant factor, fitted again at a second batch size."""
    ratio = full.ratio
    if ratio is None or abs(ratio.imag) > _NEAR or abs(ratio.real + 1) < _NEAR:
        return None
    if abs(ratio) < _NEAR:
        return None
    size = _batch(layouts)
    again, other = None, None
    if size is not None:
        other = size + 2
        resized = tuple(
            layout.with_size("B", other) if "B" in layout.format else layout for layout in layouts
        )
        second = _full(t.case, resized, tensor, t.draw)
        again = second.ratio if second is not None else None
    return _name(ratio.real, again.real if again is not None else None, layouts, size, other)


def _name(
    ratio: float,
    again: float | None,
    layouts: tuple[Layout, ...],
    size: int | None,
    other: int | None,
) -> Cause | None:
    """Turn a ratio at one or two batch sizes into a cause; None where they contradict it."""
    follows = (
        again is not None
        and size is not None
        and other is not None
        and math.isclose(again * other, ratio * size, rel_tol=_NEAR)
    )
    for labels, product in _products(layouts[0], must="B" if follows else None):
        if math.isclose(ratio * product, 1.0, rel_tol=_NEAR):
            return _mean(labels, product, ratio, again, size, other)
    if again is not None and not math.isclose(ratio, again, rel_tol=_NEAR):
        return None
    text = f"analytic / numeric = {ratio:.6g} at every element"
    if again is not None:
        text += f", for a batch of {size} as for one of {other}"
    return Cause("constant-factor", f"{text}.", {"ratio": ratio})


def _mean(
    labels: str,
    product: int,
    ratio: float,
    again: float | None,
    size: int | None,
    other: int | None,
) -> Cause:
    text = f"analytic / numeric = 1/{product} at every element, and {labels} is {product}"
    evidence = {"ratio": ratio, "labels": labels, "product": product}
    if again is not None and size is not None and other is not None and "B" in labels.split("*"):
        text += f" (for a batch of {other}: 1/{1 / again:.6g})"
        evidence["ratio_at_another_batch_size"] = again
    return Cause(
        "mean-instead-of-sum", f"{text}: backward() averages over {labels} where it sums.", evidence
    )


def _products(layout: Layout, must: str | None) -> Iterator[tuple[str, int]]:
    """Products of label sizes, the shortest first: ``("B", 128)``, ``("S1*S2", 576)``."""
    names = axis_names(tuple(layout.format))
    axes = list(zip(names, layout.shape, strict=True))
    for count in range(1, len(axes) + 1):
        for chosen in itertools.combinations(axes, count):
            labels = [name for name, _ in chosen]
            if must is not None and must not in labels:
                continue
            if must is None and "B" in labels and "B" in names:
                continue
            yield "*".join(labels), math.prod(n for _, n in chosen)


def _batch(layouts: tuple[Layout, ...]) -> int | None:
    sizes = {layout.shape[layout.find("B")] for layout in layouts if "B" in layout.format}
    return sizes.pop() if len(sizes) == 1 else None
