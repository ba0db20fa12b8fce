"""The evidence of a specimen: the Jacobians of every output, with names for their axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from layercheck.errors import LayerError
from layercheck.gradients.boxes import Box
from layercheck.gradients.evidence import PARTS, Axis, Evidence, Refit
from layercheck.gradients.jacobians import Jacobian, box_of, claimed_of, true_of
from layercheck.gradients.quotients import Array
from layercheck.gradients.refit import batch_size, ratio_along_directions
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.layout import Layout
from layercheck.where import axis_names

Other = Callable[[tuple[str, ...]], Specimen | None]


def gather(specimen: Specimen, tensor: Tensor, other: Other) -> list[Evidence]:
    """Return the evidence for every output; none where that takes too long."""
    box = box_of(specimen, tensor)
    true, claimed = true_of(specimen, tensor, box), claimed_of(specimen, box)
    if true is None or claimed is None:
        return []
    part = replace(tensor, value=box.cut(tensor.value))
    found = [
        Evidence(
            specimen,
            part,
            k,
            jacobian.value,
            claims,
            jacobian.bound,
            _axes(specimen, tensor, k, box),
            _rivals(specimen, tensor, k, true, box),
            _shares(true, k),
            all_claims=tuple(of_tensor[k] for of_tensor in claimed.values()),
            refit=_refit(other, tensor, k),
        )
        for k, (jacobian, claims) in enumerate(zip(true, claimed[tensor.title], strict=True))
    ]
    names = specimen.output_names
    right = tuple(names[e.output] for e in found if e.right.any() and not e.wrong.any())
    return [replace(e, right_outputs=right) for e in found]


def _shares(true: tuple[Jacobian, ...], k: int) -> bool:
    """Whether other outputs depend on elements that output `k` depends on."""
    touched = [_touched(jacobian) for jacobian in true]
    size = touched[k].ndim
    others = [t for number, t in enumerate(touched) if number != k and t.ndim == size]
    return any(bool(np.any(t & touched[k])) for t in others)


def _touched(jacobian: Jacobian) -> npt.NDArray[np.bool_]:
    """Which elements an output depends on."""
    felt = np.nan_to_num(jacobian.value) != 0
    return np.asarray(felt.any(axis=tuple(range(jacobian.output_rank))))


def _refit(other: Other, tensor: Tensor, k: int) -> Callable[[tuple[str, ...]], Refit | None]:
    def refit(names: tuple[str, ...]) -> Refit | None:
        specimen = other(names)
        own = specimen.tensor(tensor.kind, tensor.name) if specimen is not None else None
        if specimen is None or own is None:
            return None
        ratio = ratio_along_directions(specimen, own, k)
        return Refit(ratio, batch_size(specimen))

    return refit


def _rivals(
    specimen: Specimen, tensor: Tensor, k: int, own: tuple[Jacobian, ...], box: Box
) -> dict[str, Array]:
    """True Jacobians of other outputs, and with respect to other tensors, of the same shape."""
    names = specimen.output_names
    found = {
        names[number]: jacobian.value
        for number, jacobian in enumerate(own)
        if number != k and jacobian.value.shape == own[k].value.shape
    }
    for other in specimen.tensors:
        if other.title != tensor.title and other.value.shape == tensor.value.shape:
            try:
                true = true_of(specimen, other, box)
            except LayerError:
                continue
            if true is not None and k < len(true):
                found[other.name] = true[k].value
    return found


def _axes(specimen: Specimen, tensor: Tensor, k: int, box: Box) -> tuple[Axis, ...]:
    """Name the axes of an output and of a tensor."""
    output = [z for z in specimen.outputs if z.dtype.kind in "fc"][k]
    layouts = specimen.point.layouts
    own = layouts[tensor.position] if tensor.kind == "input" else None
    axes = []
    for array, side, names in (
        (output, "output", _names(output.shape, layouts, None, f"output {k + 1}")),
        (tensor.value, "tensor", _names(tensor.value.shape, layouts, own, tensor.name)),
    ):
        lengths = array.shape
        if np.iscomplexobj(array):
            names, lengths = (*names, PARTS), (*lengths, 2)
        for name, n, indices in zip(names, lengths, box.of(lengths), strict=True):
            axes.append(Axis(name, len(indices), side, n, tuple(int(i) for i in indices)))
    return tuple(axes)


def _names(
    shape: tuple[int, ...], layouts: tuple[Layout, ...], own: Layout | None, name: str
) -> tuple[str, ...]:
    """Labels where the shape is that of a layout, broadcast or with other sizes; else by size."""
    if own is not None:
        return axis_names(own.labels)
    for layout in layouts:
        if len(shape) == layout.rank and _fits(shape, layout, name.startswith("output")):
            return axis_names(layout.labels)
    known: dict[int, str] = {}
    for layout in layouts:
        for label, n in zip(axis_names(layout.labels), layout.shape, strict=True):
            known.setdefault(n, label)
    names: list[str] = []
    for axis, n in enumerate(shape):
        label = known.get(n, "") if name.startswith("output") else ""
        names.append(label if label and label not in names else f"axis {axis} of {name}")
    return tuple(names)


def _fits(shape: tuple[int, ...], layout: Layout, is_output: bool) -> bool:
    """Whether a shape broadcasts against a layout; an output may have other sizes but for B."""
    fits = [n in (1, m) for n, m in zip(shape, layout.shape, strict=True)]
    if all(fits):
        return True
    return (
        is_output
        and "B" in layout.format
        and shape[layout.find("B")] == layout.shape[layout.find("B")]
        and sum(fits) >= 1
    )
