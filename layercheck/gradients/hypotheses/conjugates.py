"""Complex gradients that are right but for a conjugate or a factor i."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.outcome import Cause


def conjugate(evidence: Evidence) -> Cause | None:
    """Right but for the sign of an imaginary part: of the result, of the upstream, or inside."""
    sides = {
        side: [i for i, a in enumerate(evidence.axes) if a.is_parts and a.side == side]
        for side in ("tensor", "output")
    }
    for axes, what, advice in (
        (sides["tensor"], "the result", "take the conjugate of the result"),
        (sides["output"], "the upstream gradient", "do not conjugate it, or do"),
        (
            sides["tensor"] + sides["output"],
            "a factor inside",
            "multiply by the conjugate of the input or of the weights",
        ),
    ):
        if axes and evidence.is_claimed(_conjugated(evidence.true, axes)):
            return Cause(
                "conjugate",
                f"analytic is right if {what} is conjugated: gradients are dL/dRe + i dL/dIm "
                f"here, so {advice}.",
                {"what": what},
            )
    for axis in (*sides["tensor"], *sides["output"]):
        for sign, name in ((1, "i"), (-1, "-i")):
            if evidence.is_claimed(sign * _conjugated(np.flip(evidence.true, axis), [axis])):
                return Cause(
                    "missing-factor",
                    "real and imaginary part are exchanged, one with the other sign: backward() "
                    f"has a factor {name} too many or lacks its inverse.",
                    {"factor": name},
                )
    return None


def _conjugated(array: Any, axes: list[int]) -> Any:
    for axis in axes:
        shape = [1] * array.ndim
        shape[axis] = 2
        array = array * np.array([1.0, -1.0]).reshape(shape)
    return array
