"""Several tensors of a layer at once: laid side by side, block by block, they are one tensor.

Tensors whose blocks act on the same parts of the outputs share directions: each is divided by its
own scale, and the block of the whole is the row of their blocks. Where such a block is right, so
is every tensor; where it is not, or an output lies on a kink, each is looked at on its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import gaussian
from layercheck.gradients.problem import Problem
from layercheck.gradients.quotients import Array, Values
from layercheck.gradients.residuals import compare
from layercheck.gradients.structure import Blocks
from layercheck.gradients.survey import PROBABILITY, PROBES, REACH
from layercheck.gradients.verify import Verification, describe_blocks
from layercheck.gradients.windows import Structure
from layercheck.outcome import Verified

_FINE = 1e-4  # of a tensor's rms: errors that a group must not hide


@dataclass(frozen=True)
class Member:
    """A tensor, its blocks in the order of the outputs' axes, and its name."""

    problem: Problem
    blocks: Blocks
    name: str

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many blocks there are along each axis."""
        return self.blocks.lengths(self.problem.value.shape)

    @property
    def shares(self) -> Hashable:
        """Tensors of which this is equal have the same blocks in the outputs."""
        return self.blocks.outputs, self.lengths

    def row(self, array: Values) -> Values:
        """One row a block."""
        return self.blocks.table(array).reshape(*self.lengths, -1)

    def back(self, rows: Values) -> Values:
        """The tensor from its rows."""
        shape = self.problem.value.shape
        return self.blocks.untable(rows.reshape(math.prod(self.lengths), -1), shape)


Evaluate = Callable[[Sequence[Values]], tuple[Values, ...]]
Backward = Callable[[Sequence[Array]], Sequence[Array]]


@dataclass(frozen=True)
class Group:
    """Tensors that share their blocks, and the layer as a function of all of them."""

    members: tuple[Member, ...]
    evaluate: Evaluate
    backward: Backward

    @property
    def parts(self) -> list[slice]:
        """Where each tensor lies in a row."""
        ends = np.cumsum([member.row(member.problem.gradient).shape[-1] for member in self.members])
        return [slice(a, b) for a, b in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)]

    def problem(self) -> Problem:
        """The tensors side by side, each divided by its scale."""
        first = self.members[0].problem
        return replace(
            first,
            value=self._rows([m.problem.value / m.problem.scale for m in self.members]),
            gradient=self._scaled([m.problem.gradient for m in self.members]),
            evaluate=lambda rows: self.evaluate(self._tensors(rows)),
            backward=lambda upstream: self._scaled(self.backward(upstream)),
            precision=max((m.problem.precision for m in self.members), key=lambda p: p.eps),
        )

    def _scaled(self, gradients: Sequence[Array]) -> Array:
        pairs = zip(self.members, gradients, strict=True)
        rows = self._rows([gradient * member.problem.scale for member, gradient in pairs])
        return rows.astype(np.float64, copy=False)

    def _rows(self, arrays: Sequence[Values]) -> Values:
        pairs = zip(self.members, arrays, strict=True)
        return np.concatenate([member.row(array) for member, array in pairs], axis=-1)

    def _tensors(self, rows: Values) -> list[Values]:
        found = []
        for member, part in zip(self.members, self.parts, strict=True):
            value = member.back(rows[..., part])
            dtype = member.problem.value.dtype
            found.append((value * member.problem.scale).astype(dtype, copy=False))
        return found


def verify_together(group: Group, rng: np.random.Generator) -> list[Verification | None]:
    """Verify the gradients of a group; None for each that must be looked at on its own."""
    problem = group.problem()
    outputs = group.members[0].blocks.outputs
    blocks = Blocks(tuple(range(problem.value.ndim - 1)), outputs)
    plan: Plan | None = None
    hidden = 0.0
    for _ in range(PROBES):
        found = compare(problem, blocks, gaussian(problem, rng), plan)
        plan = found.plan
        if found.wrong.any() or any(flags.any() for flags in found.flagged):
            return [None] * len(group.members)
        hidden = max(hidden, float(np.max(found.error + found.tolerance)))
    detectable = hidden / (REACH * problem.scale)
    return [_verification(member, group, detectable) for member in group.members]


def _verification(member: Member, group: Group, detectable: float) -> Verification | None:
    """What is known of one tensor; None where errors could hide among the other tensors."""
    problem = member.problem
    error = detectable / problem.scale
    rms = float(np.sqrt(np.mean(np.square(problem.gradient))))
    if error > _FINE * rms:
        return None
    others = " and ".join(each.name for each in group.members if each is not member)
    verified = Verified(
        of=problem.value.size,
        elements=problem.value.size,
        in_blocks=problem.value.size,
        method=f"{describe_blocks(problem, member.blocks)}, together with {others}",
        detectable_error=problem.relative(error),
        probability=PROBABILITY,
    )
    return Verification(verified, structure=Structure(member.blocks))
