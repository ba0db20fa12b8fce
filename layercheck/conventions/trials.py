"""Trial runs of a user's layer on small data, to learn what only running it tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.conventions.calls import ForwardCall
from layercheck.conventions.live import generator_roots
from layercheck.conventions.places import Place
from layercheck.conventions.tree import arrays
from layercheck.copying import copy_object
from layercheck.data import distinct_values, integer_values
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.randomness import seeded

Values = dict[Place, np.ndarray]


@dataclass(frozen=True)
class Bench:
    """Data on which a layer is tried.

    Parameters
    ----------
    layouts : tuple of Layout
        Those of the trial; a small batch, of another size than the other axes, where it runs.
    integers : tuple of bool
        Which inputs have to be integers.
    """

    layouts: tuple[Layout, ...]
    integers: tuple[bool, ...]
    seed: int

    def inputs(self, draw: int = 0) -> tuple[np.ndarray, ...]:
        """Return new arrays, other values for another `draw`."""
        rng = np.random.default_rng([self.seed, draw])
        return tuple(
            integer_values(layout.shape, 0, 2, rng)
            if integer
            else distinct_values(layout.shape, -2.0, 2.0, rng)
            for layout, integer in zip(self.layouts, self.integers, strict=True)
        )


def find_bench(
    base: Any, forward: ForwardCall, layouts: tuple[Layout, ...], seed: int
) -> Bench | LayerError:
    """Return data on which the forward pass of a copy of `base` runs, or why it does not."""
    raised: LayerError | None = None
    for bench in _benches(layouts, seed):
        try:
            run(copy_object(base), forward, bench)
        except LayerError as error:
            raised = raised or error
        else:
            return bench
    assert raised is not None
    return raised


def _benches(layouts: tuple[Layout, ...], seed: int) -> Iterator[Bench]:
    own = tuple(layout.resolved() for layout in layouts)
    small = _with_batch(own, _batch(own))
    count = len(layouts)
    floats, integers = (False,) * count, (True,) * count
    mixed = [tuple(i == j for j in range(count)) for i in range(count) if count > 1]
    for at in dict.fromkeys((small, own)):
        for kinds in dict.fromkeys((floats, integers, *mixed)):
            yield Bench(at, kinds, seed)


def _batch(layouts: tuple[Layout, ...]) -> int:
    """A small batch size that no other axis has, so that shapes tell what is what."""
    others = {
        size
        for layout in layouts
        for label, size in zip(layout.format, layout.shape, strict=True)
        if label != "B"
    }
    sizes: tuple[int, ...] = (5, 3, 7, 2, *range(8, 9 + len(others)))
    return next(size for size in sizes if size not in others)


def _with_batch(layouts: tuple[Layout, ...], batch: int) -> tuple[Layout, ...]:
    return tuple(
        layout.with_size("B", batch) if "B" in layout.format else layout for layout in layouts
    )


def run(
    layer: Any, forward: ForwardCall, bench: Bench, draw: int = 0, mode: str = "forward"
) -> Any:
    """Run one pass of `layer` itself and return what it returned."""
    with seeded(bench.seed + draw, *generator_roots(layer)):
        return forward(layer, bench.inputs(draw), mode)


def values(layer: Any) -> Values:
    """Return copies of the layer's floating-point arrays."""
    return {place: value.copy() for place, value in arrays(layer).items()}


def same(first: Any, second: Any) -> bool:
    """Whether two results, arrays or nested tuples of them, are equal in every bit that counts."""
    if isinstance(first, (tuple, list)) and isinstance(second, (tuple, list)):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (np.ndarray, np.generic, float, int, complex)):
        first, second = np.asarray(first), np.asarray(second)
        numeric = first.dtype.kind in "fc" and second.dtype.kind in "fc"
        return bool(np.array_equal(first, second, equal_nan=numeric))
    return type(first) is type(second)
