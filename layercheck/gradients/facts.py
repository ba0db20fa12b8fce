"""What can be said of a wrong gradient that no hypothesis explains."""

from __future__ import annotations

import numpy as np

from layercheck.errors import LayerError
from layercheck.gradients.evidence import Evidence
from layercheck.gradients.gathering import gather
from layercheck.gradients.investigate import shows_mistake
from layercheck.gradients.specimen import Specimen, Tensor

_MOST = 8  # other tensors that are looked at


def facts_about(specimen: Specimen, tensor: Tensor) -> tuple[str, ...]:
    """Return how far off a Jacobian is as a whole, and which other gradients are right."""
    found = [
        _likeness(evidence)
        for evidence in gather(specimen, tensor, lambda names: None)
        if evidence.wrong.any()
    ]
    return (*found, *_company(specimen, tensor))


def _likeness(evidence: Evidence) -> str:
    true, claimed = np.nan_to_num(evidence.true), np.nan_to_num(evidence.claimed)
    sizes = float(np.linalg.norm(true)), float(np.linalg.norm(claimed))
    cosine = float(np.sum(true * claimed)) / max(sizes[0] * sizes[1], 1e-300)
    felt = int(np.count_nonzero(evidence.wrong | evidence.right))
    share = int(np.count_nonzero(evidence.wrong)) / max(1, felt)
    ratio = sizes[1] / sizes[0] if sizes[0] else float("inf")
    return (
        f"{share:.0%} of the Jacobian's entries are wrong; as a whole it has a cosine of "
        f"{cosine:.3f} with the true one, and {ratio:.3g} times its size"
    )


def _company(specimen: Specimen, tensor: Tensor) -> tuple[str, ...]:
    """Which other gradients are right and which are wrong: where a chain breaks."""
    right: list[str] = []
    wrong: list[str] = []
    for other in specimen.tensors[:_MOST]:
        if other.title == tensor.title:
            continue
        try:
            (wrong if shows_mistake(specimen, other) else right).append(other.name)
        except LayerError:
            continue
    told = []
    if right:
        told.append(f"the gradient of {', '.join(right)} is right")
    if wrong:
        told.append(f"that of {', '.join(wrong)} is wrong too")
    return ("; ".join(told),) if told else ()
