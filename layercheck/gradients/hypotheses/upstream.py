"""How backward uses the upstream gradient: not at all, not linearly, or with a mask from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.outcome import Cause
from layercheck.tolerances import rms

Values = npt.NDArray[Any]
_LINEAR = 1e-9  # of the rms: what a float64 backward keeps
_ROUNDED = 2.0**-7  # of the rms: what float16 loses in a sum
_NARROW: tuple[tuple[str, Any], ...] = (("float16", np.float16), ("float32", np.float32))


@dataclass(frozen=True)
class _Trial:
    """What backward gives for d, 0, 2d, -d, e and d + e."""

    once: Values
    none: Values
    twice: Values
    negated: Values
    other: Values
    both: Values

    @property
    def size(self) -> float:
        return max(rms(self.once), rms(self.twice) / 2, rms(self.other), 1e-300)

    def differ(self, a: Values, b: Values, slack: float = _LINEAR) -> bool:
        """Whether two results differ by more than a part of the usual size."""
        with np.errstate(all="ignore"):
            error = float(np.max(np.abs(a - b), initial=0.0))
        return not error <= slack * self.size


def upstream_use(specimen: Specimen, tensor: Tensor) -> Cause | None:
    """Say how backward is not linear in the upstream gradient; None where it is."""
    trial = _try(specimen, tensor)
    if not all(np.isfinite(g).all() for g in (trial.once, trial.both, trial.twice)):
        return None
    additive = not trial.differ(trial.both, trial.once + trial.other)
    doubled = not trial.differ(trial.twice, 2 * trial.once)
    if additive and doubled and not trial.differ(trial.none, 0 * trial.once):
        return None
    rounded = _rounding(trial)
    if rounded is not None:
        return rounded
    return _without_factor(trial) or _nonlinear(trial, doubled)


def _try(specimen: Specimen, tensor: Tensor) -> _Trial:
    d, e = specimen.upstream(), specimen.upstream("second")

    def back(upstream: Sequence[Values]) -> Values:
        return specimen.pull_back(upstream)[tensor.title]

    return _Trial(
        once=back(d),
        none=back([0 * a for a in d]),
        twice=back([2 * a for a in d]),
        negated=back([-a for a in d]),
        other=back(e),
        both=back([a + b for a, b in zip(d, e, strict=True)]),
    )


def _rounding(trial: _Trial) -> Cause | None:
    """Sums that are off by rounding alone, of results that carry few bits."""
    if trial.differ(trial.both, trial.once + trial.other, _ROUNDED):
        return None
    if trial.differ(trial.none, 0 * trial.once) or np.iscomplexobj(trial.once):
        return None
    for name, dtype in _NARROW:
        if all(_fits(g, dtype) for g in (trial.once, trial.other, trial.both)):
            return Cause(
                "rounding",
                f"every element that backward() returns is a {name} number, and backward(d + e) "
                f"differs from backward(d) + backward(e) by rounding alone: it computes in "
                f"{name}.",
                {"precision": name},
            )
    if trial.differ(trial.both, trial.once + trial.other, 2.0**-16):
        return None
    error = float(np.max(np.abs(trial.both - trial.once - trial.other))) / trial.size
    return Cause(
        "rounding",
        f"backward(d + e) differs from backward(d) + backward(e) by {error:.1e} of the gradient's "
        "rms: part of backward() computes in float32.",
        {"error": error},
    )


def _fits(values: Values, dtype: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.array_equal(values.astype(dtype).astype(values.dtype), values))


def _without_factor(trial: _Trial) -> Cause | None:
    """Independent of the upstream gradient, wholly or in one term."""
    if not trial.differ(trial.none, trial.once) and not trial.differ(trial.twice, trial.once):
        return Cause(
            "missing-upstream-gradient",
            "backward() returns the same for the upstream gradients d, 2d and 0: multiply by the "
            "upstream gradient.",
            {"test": "zero"},
        )
    rest = [trial.once - trial.none, trial.other - trial.none]
    if not trial.differ(trial.none, 0 * trial.once):
        return None
    if trial.differ(trial.twice - trial.none, 2 * rest[0], 1e-7):
        return None
    if trial.differ(trial.both - trial.none, rest[0] + rest[1], 1e-7):
        return None
    share = int(np.count_nonzero(trial.none))
    return Cause(
        "missing-upstream-gradient",
        f"backward(d) is a part that is linear in d plus a part that does not depend on d "
        f"({share} of {trial.none.size} elements, rms {rms(trial.none):.3g}): a term lacks the "
        "upstream gradient.",
        {"test": "zero", "elements": share},
    )


def _nonlinear(trial: _Trial, doubled: bool) -> Cause:
    if doubled:
        odd = not trial.differ(trial.negated, -trial.once)
        even = not trial.differ(trial.negated, trial.once)
        reading = (
            "backward(-d) = backward(d): it takes the size of the upstream gradient"
            if even
            else "backward(d + e) is not backward(d) + backward(e): a choice depends on the "
            "upstream gradient"
            if odd
            else "backward(-d) is not -backward(d): a branch is taken on the sign of the upstream "
            "gradient, where the input's is meant"
        )
        return Cause(
            "mask-from-upstream", f"backward(2d) = 2 backward(d), but {reading}.", {"test": "sum"}
        )
    for power in (2, 3):
        if not trial.differ(trial.twice, 2**power * trial.once, 1e-7):
            return Cause(
                "upstream-nonlinear",
                f"backward(2d) = {2**power} backward(d): the upstream gradient is multiplied in "
                f"{power} times.",
                {"test": "double", "power": power},
            )
    return Cause(
        "upstream-nonlinear",
        "backward(2d) is not 2 backward(d): a derivative or a factor is taken at the upstream "
        "gradient, where the input or the output is meant.",
        {"test": "double"},
    )
