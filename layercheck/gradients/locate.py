"""Find which elements of a wrong gradient are wrong, and show the worst one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from layercheck.gradients.differences import Plan
from layercheck.gradients.directions import bounded, one_each, only
from layercheck.gradients.problem import Problem
from layercheck.gradients.residuals import Residuals, compare, noise
from layercheck.gradients.structure import Blocks, one_block
from layercheck.outcome import Worst

_EACH = 4  # wrong elements that are looked for in each block
_SAMPLES = 6  # positions in a block that are tried one by one before it is bisected


def confirm(problem: Problem, candidates: Sequence[int], rng: np.random.Generator) -> list[Worst]:
    """Move candidates alone, trusting no structure; return those that are wrong, worst first."""
    tried = (_alone(problem, flat, rng) for flat in dict.fromkeys(candidates))
    return sorted((one for one in tried if one is not None), key=lambda one: -one.error)


def _alone(problem: Problem, flat: int, rng: np.random.Generator) -> Worst | None:
    first, wrong = _measure(problem, flat, rng)
    if not wrong:
        return None
    if not problem.is_complex:
        return first
    other, _ = _measure(problem, flat ^ 1, rng)
    real, imaginary = (other, first) if flat % 2 else (first, other)
    return Worst(
        first.index,
        complex(real.analytic.real, imaginary.analytic.real),
        complex(real.numeric.real, imaginary.numeric.real),
        float(np.hypot(real.error, imaginary.error)),
        max(real.tolerance, imaginary.tolerance),
    )


def _measure(problem: Problem, flat: int, rng: np.random.Generator) -> tuple[Worst, bool]:
    v = only(problem, flat, rng)
    found = compare(problem, one_block(problem), v)
    step = float(v.reshape(-1)[flat]) or 1.0
    tolerance = float(found.tolerance)
    if found.wrong:
        tolerance += noise(problem, v, found.steps)
    worst = Worst(
        problem.index(flat),
        float(found.analytic) / step,
        float(found.numeric) / step,
        float(found.error) / abs(step),
        tolerance / abs(step),
    )
    return worst, not float(found.error) <= tolerance


def sample(
    problem: Problem, blocks: Blocks, failing: Residuals, plan: Plan, rng: np.random.Generator
) -> tuple[list[int], bool]:
    """Try some positions of every block one by one; return the wrong elements, worst first.

    Return whether they are few as well: most of what was tried in failing blocks is right.
    """
    shape = problem.value.shape
    size = blocks.size(shape)
    positions = set(rng.integers(0, size, _SAMPLES - 1).tolist())
    positions.add(_largest(problem, blocks, failing))
    found: list[tuple[float, int]] = []
    wrong = 0
    for position in sorted(positions):
        residuals = compare(problem, blocks, one_each(problem, blocks, position, rng), plan)
        rows = worst_rows(residuals)
        wrong += int(np.count_nonzero(residuals.wrong))
        flat = flat_indices(blocks, shape, position, rows)
        found += zip(residuals.error.reshape(-1)[rows].tolist(), flat.tolist(), strict=True)
    tried = len(positions) * int(np.count_nonzero(failing.wrong))
    return [flat for _, flat in sorted(found, reverse=True)], 2 * wrong <= tried


def worst_rows(residuals: Residuals, most: int = 3) -> npt.NDArray[np.intp]:
    """The blocks that are furthest outside their tolerance, the worst first."""
    wrong = np.flatnonzero(residuals.wrong)
    return wrong[np.argsort(-residuals.error.reshape(-1)[wrong])[:most]]


def flat_indices(
    blocks: Blocks, shape: tuple[int, ...], position: int, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """The flat indices of the elements at `position` inside the blocks numbered `rows`."""
    free = blocks.free(shape)
    index: dict[int, npt.NDArray[np.intp]] = {}
    inside = np.unravel_index(position, [shape[axis] for axis in free])
    index.update(zip(free, (np.full(rows.shape, i) for i in inside), strict=True))
    if blocks.tensor:
        outside = np.unravel_index(rows, [shape[axis] for axis in blocks.tensor])
        index.update(zip(blocks.tensor, outside, strict=True))
    flat = np.zeros(rows.shape, np.intp)
    for axis, length in enumerate(shape):
        flat = flat * length + index[axis]
    return flat


def _largest(problem: Problem, blocks: Blocks, failing: Residuals) -> int:
    """The position of the largest gradient in the block that is furthest off."""
    table = blocks.table(problem.gradient)
    block = int(np.argmax(failing.error / np.maximum(failing.tolerance, 1e-300)))
    return int(np.argmax(np.abs(table[block])))


def bisect(
    problem: Problem,
    blocks: Blocks,
    known: Sequence[int],
    plan: Plan,
    rng: np.random.Generator,
) -> list[int]:
    """Find wrong elements of every block beside the known ones, one after the other."""
    found: list[int] = []
    for _ in range(_EACH):
        v = bounded(problem, problem.value.shape, rng)
        v.reshape(-1)[[*known, *found]] = 0.0
        rows = np.flatnonzero(compare(problem, blocks, problem.within(v), plan).wrong)
        if not rows.size:
            break
        found += _halve(problem, blocks, rows, [*known, *found], plan, rng)
    return found


def _halve(
    problem: Problem,
    blocks: Blocks,
    rows: npt.NDArray[np.intp],
    known: list[int],
    plan: Plan,
    rng: np.random.Generator,
) -> list[int]:
    """Halve the blocks numbered `rows` at once, known elements at rest, until one is left of each.

    Directions are bounded away from zero: a small number would hide the wrong element of a half.
    """
    shape = problem.value.shape
    size = blocks.size(shape)
    low, high = np.zeros(rows.size, int), np.full(rows.size, size)
    while np.any(high - low > 1):
        middle = (low + high + 1) // 2
        table = blocks.table(np.zeros(shape))
        places = np.arange(size)
        chosen = (places >= low[:, None]) & (places < middle[:, None])
        table[rows] = np.where(chosen, bounded(problem, chosen.shape, rng), 0.0)
        v = np.array(blocks.untable(table, shape), np.float64, order="C")
        v.reshape(-1)[known] = 0.0
        wrong = compare(problem, blocks, problem.within(v), plan).wrong.reshape(-1)[rows]
        low, high = np.where(wrong, low, middle), np.where(wrong, middle, high)
        low = np.minimum(low, high - 1)
    return [
        int(flat_indices(blocks, shape, int(position), rows[k : k + 1])[0])
        for k, position in enumerate(low)
    ]
