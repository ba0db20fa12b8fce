"""Recurrence: which states the training forward's output depends on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layercheck.case import Case
from layercheck.observations import limits
from layercheck.subject import Arrays
from layercheck.tolerances import difference


def recurrent_states(case: Case) -> tuple[bool, ...]:
    """Return whether the training forward's output depends on each state."""
    return case.memo("recurrent_states", lambda: _recurrent_states(case))


def _recurrent_states(case: Case) -> tuple[bool, ...]:
    return tuple(
        slot.recurrent if slot.recurrent is not None else _is_read(case, number)
        for number, slot in enumerate(case.subject.states)
    )


def _is_read(case: Case, number: int) -> bool:
    base, point = case.base(), case.point()
    states: Arrays = tuple(_moved(s) if i == number else s for i, s in enumerate(point.states))
    other = case.evaluate(replace(point, states=states), "forward")
    return any(
        np.shape(t) != np.shape(z) or difference(t, z, limit) is not None
        for t, z, limit in zip(other.outputs, base.outputs, limits(case, base), strict=True)
    )


def _moved(state: np.ndarray) -> np.ndarray:
    """Other values of the same sign, so that a variance stays one."""
    if state.dtype.kind == "b":
        return np.asarray(~state)
    if state.dtype.kind in "iu":
        return np.asarray(state + 1)
    return np.asarray(state * 1.5 + (state == 0) * 0.5).astype(state.dtype)
