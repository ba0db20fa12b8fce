"""What a hypothesis is matched with: the true and the claimed Jacobian, and their axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from layercheck.gradients.quotients import Array
from layercheck.gradients.specimen import Specimen, Tensor
from layercheck.tolerances import rms

Bools = npt.NDArray[np.bool_]

_CLOSE = 1e-7  # relative: how well a hypothesis fits an entry
_FLOOR = 1e-9  # of the largest entry
_EXPLAINED = 0.02  # of the discrepancy a hypothesis may leave
_NEGLIGIBLE = 2.0**-36  # a relative error of 1.5e-11: a constant written with ten digits
PARTS = "re/im"


@dataclass(frozen=True)
class Axis:
    """An axis of a Jacobian.

    Parameters
    ----------
    name : str
        As it is called in messages: ``B``, ``S1``, ``axis 0 of W``.
    size : int
    side : {"output", "tensor", "both"}
        Both: the Jacobian vanishes where the two indices differ, and they are one axis here.
    length : int
        Of the axis in the arrays themselves, of which `indices` are looked at.
    indices : tuple of int
    """

    name: str
    size: int
    side: str
    length: int
    indices: tuple[int, ...]

    @property
    def is_parts(self) -> bool:
        """Whether it counts real and imaginary part."""
        return self.name == PARTS


@dataclass(frozen=True)
class Refit:
    """Analytic / numeric at other sizes: None where it is no single number; and the batch size."""

    ratio: float | None
    batch: int | None


@dataclass(frozen=True)
class Evidence:
    """The Jacobian of one output with respect to one tensor: what it is, and what backward says.

    Parameters
    ----------
    specimen : Specimen
    tensor : Tensor
    output : int
        Number of the output.
    true, claimed : arrays, shape of the axes
        NaN in `true` where no derivative exists.
    bound : array
        How far off `true` is at most.
    axes : tuple of Axis
        Those of the output, then those of the tensor; common ones last once they are merged.
    rivals : dict, name -> array
        True Jacobians of other tensors and outputs of the same shapes.
    shared : bool
        Other outputs depend on the same elements.
    right_outputs : tuple of str
        Other outputs of whose upstream gradients backward makes the right thing.
    all_claims : tuple of arrays
        What backward says of this output for every tensor.
    refit : callable, names of axes -> Refit or None
        The factor where those axes of the inputs have a second size.
    where : str
        To what part of the Jacobian all this is restricted, as in ``at the first step``.
    """

    specimen: Specimen
    tensor: Tensor
    output: int
    true: Array
    claimed: Array
    bound: Array
    axes: tuple[Axis, ...]
    rivals: dict[str, Array] = field(default_factory=dict)
    shared: bool = True
    right_outputs: tuple[str, ...] = ()
    all_claims: tuple[Array, ...] = ()
    refit: Callable[[tuple[str, ...]], Refit | None] = lambda names: None
    where: str = ""

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self.tensor.name

    @cached_property
    def scale(self) -> float:
        """The largest entry."""
        finite = np.isfinite(self.true)
        return float(
            max(
                np.max(np.abs(self.true), where=finite, initial=0.0),
                np.max(np.abs(self.claimed), where=np.isfinite(self.claimed), initial=0.0),
            )
        )

    @cached_property
    def noise(self) -> float:
        """How far off a true entry is at most."""
        return float(np.max(self.bound, initial=0.0))

    @cached_property
    def difference(self) -> Array:
        """Claimed minus true; NaN where there is no truth."""
        return self.claimed - self.true

    @cached_property
    def wrong(self) -> Bools:
        """Where backward is wrong."""
        with np.errstate(invalid="ignore"):
            slack = self.bound + _NEGLIGIBLE * np.abs(self.claimed) + 1e-13 * self.scale
            return np.asarray(np.abs(self.difference) > slack)

    @cached_property
    def right(self) -> Bools:
        """Where backward is right, and it means something: not both are zero."""
        with np.errstate(invalid="ignore"):
            felt = (np.abs(self.true) > self.bound) | (self.claimed != 0)
        return np.asarray(~self.wrong & felt & np.isfinite(self.true))

    @cached_property
    def gap(self) -> float:
        """Root mean square of the discrepancy."""
        return rms(self.difference)

    def is_claimed(self, candidate: Array, where: Bools | None = None) -> bool:
        """Whether backward gives `candidate` everywhere (or `where` that is true)."""
        return self._equal(candidate, self.claimed, where)

    def is_difference(self, candidate: Array) -> bool:
        """Whether `candidate` is all that backward lacks or adds."""
        return self._equal(self.true + candidate, self.claimed, None)

    def _equal(self, candidate: Array, claimed: Array, where: Bools | None) -> bool:
        with np.errstate(all="ignore"):
            error = np.abs(candidate - claimed)
        known = np.isfinite(error) if where is None else np.isfinite(error) & where
        all_of = error.size if where is None else int(np.count_nonzero(where))
        if not known.any() or np.count_nonzero(known) < 0.7 * all_of:
            return False
        slack = _CLOSE * np.abs(claimed) + 4 * self.noise + _FLOOR * self.scale
        if np.any(error[known] > slack[known]):
            return False
        gap = rms(np.where(known, self.difference, np.nan))
        return gap == 0 or rms(np.where(known, error, np.nan)) <= _EXPLAINED * gap

    def axis(self, number: int) -> Axis:
        """Return one axis."""
        return self.axes[number]

    def sided(self, side: str) -> tuple[int, ...]:
        """The numbers of the axes on one side, without that of real and imaginary parts."""
        return tuple(
            i
            for i, axis in enumerate(self.axes)
            if axis.side == side and axis.size > 1 and not axis.is_parts
        )

    def called(self, number: int) -> str:
        """``the output's C``, ``x's C``; ``C`` where output and tensor run along together."""
        axis = self.axes[number]
        if axis.side == "both" or " " in axis.name:
            return axis.name
        return f"{'the output' if axis.side == 'output' else self.name}'s {axis.name}"

    @property
    def rank(self) -> int:
        """How many axes are the output's (in the unmerged Jacobian)."""
        return sum(axis.side == "output" for axis in self.axes)

    @cached_property
    def merged(self) -> Evidence:
        """The same with axes merged along which both Jacobians are diagonal."""
        found = self
        for i, j in pairs(self):
            if is_diagonal(self.true, i, j) and is_diagonal(self.claimed, i, j):
                found = _merge(found, self.axes[i], self.axes[j])
        return found

    def restricted(self, where: str, **index: int) -> Evidence | None:
        """Return a part: the given index of every axis with one of these names."""
        chosen: list[int | slice] = [index.get(axis.name, slice(None)) for axis in self.axes]
        if all(isinstance(i, slice) for i in chosen):
            return None
        kept = tuple(
            axis for axis, i in zip(self.axes, chosen, strict=True) if isinstance(i, slice)
        )
        place = tuple(chosen)
        return replace(
            self,
            true=self.true[place],
            claimed=self.claimed[place],
            bound=self.bound[place],
            axes=kept,
            rivals={},
            where=where,
        )


def pairs(evidence: Evidence) -> list[tuple[int, int]]:
    """Pair output and tensor axes of one size; those of one name first."""
    axes = evidence.axes
    candidates = [
        (i, j)
        for i, a in enumerate(axes)
        for j, b in enumerate(axes)
        if (a.side, b.side) == ("output", "tensor")
        and a.length == b.length > 1
        and a.is_parts == b.is_parts
        and not a.is_parts
    ]
    candidates.sort(key=lambda ij: axes[ij[0]].name != axes[ij[1]].name)
    ordered, used = [], set()
    diagonal = [ij for ij in candidates if is_diagonal(evidence.true, *ij)]
    for i, j in (*diagonal, *candidates):
        if i not in used and j not in used:
            ordered.append((i, j))
            used |= {i, j}
    return ordered


def is_diagonal(array: Array, i: int, j: int) -> bool:
    """Whether all entries vanish where the indices along axes i and j differ."""
    moved = np.moveaxis(array, (i, j), (0, 1))
    other = ~np.eye(array.shape[i], dtype=bool)
    return not np.any(np.nan_to_num(moved[other]))


def diagonal_mask(evidence: Evidence, i: int, j: int) -> Bools:
    """Where the indices along axes i and j agree."""
    shape = [1] * evidence.true.ndim
    shape[i], shape[j] = evidence.true.shape[i], evidence.true.shape[j]
    eye = np.eye(shape[i], dtype=bool)
    return np.broadcast_to((eye if i < j else eye.T).reshape(shape), evidence.true.shape)


def _merge(evidence: Evidence, first: Axis, second: Axis) -> Evidence:
    i, j = evidence.axes.index(first), evidence.axes.index(second)
    axes = [axis for k, axis in enumerate(evidence.axes) if k not in (i, j)]
    axes.append(replace(second, side="both"))

    def diagonal(array: Array) -> Array:
        return np.ascontiguousarray(np.diagonal(array, axis1=i, axis2=j))

    return replace(
        evidence,
        true=diagonal(evidence.true),
        claimed=diagonal(evidence.claimed),
        bound=diagonal(evidence.bound),
        axes=tuple(axes),
        rivals={},
    )
