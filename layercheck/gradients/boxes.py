"""What part of a Jacobian is looked at, where it is too large: both ends of its long axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.structure import Blocks

Indices = npt.NDArray[np.intp]

MANY_COLUMNS = 260
MANY_ROWS = 800
MANY_ENTRIES = 600_000
_ENDS = (12, 10, 8, 6, 5, 4)  # indices of a long axis that are looked at: as many from either end


@dataclass(frozen=True)
class Box:
    """The indices that are looked at along axes that are too long, by the length of the axis."""

    chosen: dict[int, Indices]

    @property
    def key(self) -> tuple[tuple[int, ...], ...]:
        """What tells boxes apart."""
        return tuple((n, *indices.tolist()) for n, indices in self.chosen.items())

    def of(self, shape: tuple[int, ...]) -> tuple[Indices, ...]:
        """The indices along every axis of a shape."""
        return tuple(self.chosen.get(n, np.arange(n)) for n in shape)

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The part of an array that is looked at."""
        return array[np.ix_(*self.of(array.shape))] if array.ndim else array

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of that part."""
        return tuple(len(indices) for indices in self.of(shape))

    def size(self, shape: tuple[int, ...]) -> int:
        """How many elements that part has."""
        return math.prod(self.shape(shape))


def choose_box(
    blocks: Blocks,
    shape: tuple[int, ...],
    rows: Sequence[tuple[int, ...]],
    index: tuple[int, ...] = (),
) -> Box:
    """Shorten the longest axes until few enough rows, columns and entries are left.

    Parameters
    ----------
    blocks : Blocks
        The structure of the tensor.
    shape : tuple of int
        Of the tensor.
    rows : sequence of shapes
        Of the outputs.
    index : tuple of int, optional
        Of an element of the tensor that must be looked at.
    """
    lengths = sorted({n for each in (shape, *rows) for n in each}, reverse=True)
    chosen: dict[int, Indices] = {}
    for most in (None, *_ENDS):
        for n in lengths:
            box = Box(dict(chosen))
            outputs = sum(box.size(row) for row in rows)
            columns = blocks.size(box.shape(shape))
            few = outputs <= MANY_ROWS and columns <= MANY_COLUMNS
            if few and outputs * box.size(shape) <= MANY_ENTRIES:
                return box
            if most is not None and n > most:
                half = np.arange(most // 2)
                wanted = [i for i, m in zip(index, shape, strict=False) if m == n]
                ends = np.concatenate([half, n - most // 2 + half, wanted])
                chosen[n] = np.unique(ends).astype(np.intp)
    return Box(chosen)
