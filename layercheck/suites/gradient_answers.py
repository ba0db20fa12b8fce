"""The gradient of one tensor at one point: what can be asked, and the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layercheck.case import Case
from layercheck.gradients.kinks import BACKWARDS
from layercheck.gradients.verify import Verification, verify
from layercheck.suites.evidence import Tensor
from layercheck.suites.gradient_groups import shared_answers, structure_of
from layercheck.suites.gradient_trials import Trial
from layercheck.verdict import skip

_BACKWARDS = 64  # for outputs at kinks, at the small layout of a regime


def answer(t: Trial, kind: str, name: str) -> Verification:
    """Verify one gradient; skips where there is none to verify."""
    tensor = _asked(t, kind, name)
    together = None if t.regime else shared_answers(t).get((kind, name))
    if together is not None:
        return together
    problem = t.pose(tensor)
    rng = t.case.rng("gradient", kind, name, t.point.inputs[0].shape if t.point.inputs else 0)
    return verify(
        problem,
        rng,
        t.case.options.budget,
        structure_of(t, tensor, problem),
        _BACKWARDS if t.regime else BACKWARDS,
        tied=bool(t.regime or t.case.options.data),
    )


def _asked(t: Trial, kind: str, name: str) -> Tensor:
    if kind == "state" and t.gradients.states is None:
        skip("backward takes no upstream gradients of states")
    tensor = t.tensor(kind, name)
    value = np.asarray(tensor.value)
    if not np.isfinite(value).all():
        skip(f"{name} holds values that are not finite")
    if value.dtype.kind not in "fc":
        skip(f"{name} holds {value.dtype} values, which have no gradient")
    if tensor.gradient is None:
        _require_place(t.case, tensor)
        tensor = replace(tensor, gradient=np.zeros_like(value))
    if np.shape(tensor.gradient) != value.shape:
        skip("needs shapes.gradients")
    return tensor


def _require_place(case: Case, tensor: Tensor) -> None:
    """Skip where no gradient can be expected: it was never found."""
    if tensor.kind != "learnable":
        skip("backward gives no gradient for it (see shapes.gradients)")
    slot = next(s for s in case.subject.learnables if s.name == tensor.name)
    if slot.gradient is None:
        skip("no gradient was found (see contract.learnables_found)")
