"""Gradients that carry fewer bits than their dtype has."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.outcome import Cause

_NARROW: tuple[tuple[str, Any], ...] = (("float16", np.float16), ("float32", np.float32))


def rounding(evidence: Evidence) -> Cause | None:
    """Every claimed entry is a number of a narrower dtype, and right to its precision."""
    claimed = evidence.claimed
    felt = claimed[(claimed != 0) & np.isfinite(evidence.true)]
    if felt.size < 3 or not evidence.wrong.any():
        return None
    true = evidence.true[(claimed != 0) & np.isfinite(evidence.true)]
    error = float(np.nanmax(np.abs(evidence.difference))) / evidence.scale
    for name, dtype in _NARROW:
        eps = float(np.finfo(dtype).eps)
        with np.errstate(all="ignore"):
            fits = np.array_equal(felt.astype(dtype).astype(np.float64), felt)
            truth_fits = np.array_equal(true.astype(dtype).astype(np.float64), true)
        if fits and not truth_fits and error <= 64 * eps:
            return Cause(
                "rounding",
                f"every entry of the Jacobian that backward() applies is a {name} number, and "
                f"right to {error:.1e} of the largest: it computes in {name}.",
                {"precision": name, "error": error},
            )
    if error <= 2.0**-20 and np.count_nonzero(evidence.wrong) > 0.5 * felt.size:
        return Cause(
            "rounding",
            f"analytic is right to {error:.1e} of the largest entry and wrong by that little at "
            "most entries: part of backward() computes in float32.",
            {"error": error},
        )
    return None
