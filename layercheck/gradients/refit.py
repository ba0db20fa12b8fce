"""Analytic / numeric, as one number, from a few directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layercheck.gradients.directions import gaussian
from layercheck.gradients.quotients import to_real
from layercheck.gradients.residuals import compare
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.gradients.structure import one_block

_DIRECTIONS = 2


def batch_size(specimen: Specimen) -> int | None:
    """The batch size of a specimen's point."""
    layouts = specimen.point.layouts
    sizes = {layout.shape[layout.find("B")] for layout in layouts if "B" in layout.format}
    return sizes.pop() if len(sizes) == 1 else None


def ratio_along_directions(specimen: Specimen, tensor: Tensor, output: int) -> float | None:
    """Return the factor as a few directional derivatives of one output show it."""
    upstream = [d if k == output else np.zeros_like(d) for k, d in enumerate(specimen.upstream())]
    posed = specimen.problem(tensor)
    gradient = specimen.pull_back(upstream)[tensor.title]
    if gradient.shape != tensor.value.shape:
        return None
    posed = replace(
        posed,
        gradient=to_real(gradient).astype(np.float64),
        upstream=tuple(to_real(d).astype(np.float64) for d in upstream if d.dtype.kind in "fc"),
    )
    rng, found = specimen.case.rng("refit", tensor.title), []
    for _ in range(_DIRECTIONS):
        sides = compare(posed, one_block(posed), gaussian(posed, rng))
        if abs(float(sides.numeric)) <= 1e3 * float(sides.tolerance):
            return None
        found.append(float(sides.analytic) / float(sides.numeric))
    return found[0] if np.ptp(found) <= 1e-5 * abs(found[0]) else None
