"""The corpus: layers that are right, and layers that are wrong on purpose."""

from __future__ import annotations

from itertools import chain

from tests.corpus import (
    accumulating,
    activations,
    attributes,
    complex_layers,
    contracts,
    derivative,
    enlarging,
    forward_pass,
    fragile,
    functional,
    images,
    impure,
    lazy,
    native,
    nested,
    places,
    random_layers,
    recurrent,
    seeded,
    several,
    stateful,
    static_ctx,
    statistics,
    torch7,
    updating,
)
from tests.corpus.entry import Entry

_MODULES = (
    native,
    contracts,
    stateful,
    activations,
    images,
    enlarging,
    attributes,
    functional,
    updating,
    torch7,
    forward_pass,
    derivative,
    static_ctx,
    accumulating,
    several,
    nested,
    places,
    lazy,
    random_layers,
    statistics,
    recurrent,
    complex_layers,
    impure,
    fragile,
    seeded,
)

CORRECT: tuple[Entry, ...] = tuple(chain.from_iterable(m.CORRECT for m in _MODULES))
BROKEN: tuple[Entry, ...] = tuple(chain.from_iterable(m.BROKEN for m in _MODULES))

__all__ = ["BROKEN", "CORRECT", "Entry"]
