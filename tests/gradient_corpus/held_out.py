"""Bugs by which the rules of diagnosis are judged and to which they are never tuned.

They were written before the rules, and over other layers than those of the corpus. Whoever
improves a rule does not look at what is reported of them one by one, and does not change an
entry, except where the brute-force tests prove that it says something false of its layer.
"""

from __future__ import annotations

from tests.gradient_corpus import (
    held_out_channels,
    held_out_lengths,
    held_out_sequences,
    held_out_styles,
    held_out_vectors,
)
from tests.gradient_corpus.entry import Bug, Correct

CORRECT: tuple[Correct, ...] = (
    *held_out_channels.CORRECT,
    *held_out_vectors.CORRECT,
    *held_out_lengths.CORRECT,
    *held_out_sequences.CORRECT,
    *held_out_styles.CORRECT,
)
HELD_OUT: tuple[Bug, ...] = (
    *held_out_channels.BUGS,
    *held_out_vectors.BUGS,
    *held_out_lengths.BUGS,
    *held_out_sequences.BUGS,
    *held_out_styles.BUGS,
)
