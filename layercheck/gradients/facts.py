"""What can be said of a wrong gradient beside its cause, or where no cause is known."""

from __future__ import annotations

import numpy as np

from layercheck.errors import LayerError
from layercheck.gradients.evidence import Evidence
from layercheck.gradients.gathering import gather
from layercheck.gradients.investigate import shows_mistake
from layercheck.gradients.specimen import Specimen, Tensor

_MOST = 8  # other tensors that are looked at


def likeness(specimen: Specimen, tensor: Tensor) -> tuple[str, ...]:
    """Return how a Jacobian as a whole differs from the true one, for every output it is wrong in.

    Raises
    ------
    LayerError
        The layer raised.
    """
    found = [e for e in gather(specimen, tensor, lambda names: None) if e.wrong.any()]
    names = specimen.output_names
    return tuple(_likeness(e, f" of {names[e.output]}" if len(names) > 1 else "") for e in found)


def _likeness(evidence: Evidence, of: str) -> str:
    true, claimed = np.nan_to_num(evidence.true), np.nan_to_num(evidence.claimed)
    sizes = float(np.linalg.norm(true)), float(np.linalg.norm(claimed))
    felt = int(np.count_nonzero(evidence.wrong | evidence.right))
    share = f"{int(np.count_nonzero(evidence.wrong)):,} of {felt:,} entries of the Jacobian{of}"
    if not sizes[0]:
        return f"no known mistake matches: {share} are wrong, all that backward() gives"
    cosine = float(np.sum(true * claimed)) / max(sizes[0] * sizes[1], 1e-300)
    return (
        f"no known mistake matches: {share} are wrong; as a whole its cosine with the true one is "
        f"{cosine:.3f}, its norm {sizes[1] / sizes[0]:.3g} times the true one's"
    )


def company(specimen: Specimen, tensor: Tensor) -> str:
    """Say which other gradients are right at the same point: where a chain breaks."""
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
        told.append(f"backward() is right for {_listed(right)}")
    if wrong:
        told.append(f"wrong for {_listed(wrong)} too")
    if not right and wrong:
        told = [f"backward() is wrong for {_listed(wrong)} too"]
    return ", and ".join(told)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
