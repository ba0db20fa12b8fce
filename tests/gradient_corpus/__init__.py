"""Gradient bugs: layers that are right, and small variations of them that are wrong."""

from __future__ import annotations

from itertools import chain

from tests.gradient_corpus import (
    attention_bugs,
    clipped,
    complex_valued,
    convolution_bugs,
    dense,
    held_out,
    kinked,
    lengths,
    networks,
    ordering,
    pooling,
    powers,
    prelu,
    products,
    recurrent_bugs,
    sampling,
    scales,
    several,
    smooth,
    soft,
    softmaxes,
    stateful,
    styles,
)
from tests.gradient_corpus.entry import Bug, Correct
from tests.gradient_corpus.held_out import HELD_OUT

_MODULES = (
    smooth,
    soft,
    powers,
    kinked,
    clipped,
    prelu,
    dense,
    products,
    networks,
    convolution_bugs,
    pooling,
    ordering,
    lengths,
    softmaxes,
    attention_bugs,
    recurrent_bugs,
    several,
    complex_valued,
    sampling,
    stateful,
    styles,
    scales,
)

CORRECT: tuple[Correct, ...] = (
    *chain.from_iterable(m.CORRECT for m in _MODULES),
    *held_out.CORRECT,
)
BUGS: tuple[Bug, ...] = tuple(chain.from_iterable(m.BUGS for m in _MODULES))

__all__ = ["BUGS", "CORRECT", "HELD_OUT", "Bug", "Correct"]
