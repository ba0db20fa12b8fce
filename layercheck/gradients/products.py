"""Name an array as a product of powers of known arrays: an exact match, found in logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from layercheck.gradients.known import Known
from layercheck.gradients.quotients import Array

_ENTRIES = 48  # entries that are looked at first
_CLOSE = 1e-6
_LEAST = 3  # entries
_WIDEST = 260
_POWERS = (1, -1)
_PLAIN_POWERS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)


@dataclass(frozen=True)
class Product:
    """A constant times powers of known arrays.

    Parameters
    ----------
    constant : float
    factors : tuple of (Known, power)
    """

    constant: float
    factors: tuple[tuple[Known, float], ...]

    @property
    def value(self) -> Array:
        """The array itself; broadcasts against the Jacobian."""
        with np.errstate(all="ignore"):
            return np.asarray(self.constant * _power(self.factors))

    @property
    def is_plain(self) -> bool:
        """Whether all factors are the layer's own arrays."""
        return all(known.plain for known, _ in self.factors)

    def __str__(self) -> str:
        above = [_written(k.name, p) for k, p in self.factors if p > 0]
        below = [_written(k.name, -p) for k, p in self.factors if p < 0]
        sign = "-" if abs(self.constant + 1) <= _CLOSE else ""
        if abs(abs(self.constant) - 1) > _CLOSE:
            number = write_number(self.constant)
            above.insert(0, f"({number})" if "/" in number and above else number)
        text = sign + (" ".join(above) or "1")
        if not below:
            return text
        return f"{text} / {below[0]}" if len(below) == 1 else f"{text} / ({' '.join(below)})"


def name_product(
    target: Array,
    known: Sequence[Known],
    where: npt.NDArray[np.bool_],
    most: int = 3,
    widest: int = _WIDEST,
) -> Product | None:
    """Return the product with fewest factors that equals `target` at every entry of `where`.

    Three factors are looked for among `widest` powers of arrays at most.
    """
    places = np.flatnonzero(where.reshape(-1) & np.isfinite(target.reshape(-1)))
    places = places[target.reshape(-1)[places] != 0]
    if places.size < _LEAST:
        return None
    rng = np.random.default_rng(places.size)
    sample = np.sort(rng.choice(places, min(_ENTRIES, places.size), replace=False))
    goal = np.log(np.abs(target.reshape(-1)[sample]))
    distinct = int(np.unique(np.round(goal, 7)).size)
    varying = _varying(target, where)
    terms, rows = _terms(known, target.shape, sample, varying)
    if not terms:
        return None
    for chosen in _solutions(goal, rows, min(most, distinct - 1), widest):
        factors = tuple(terms[i] for i in chosen)
        if len({id(k) for k, _ in factors}) < len(factors):
            continue
        product = _confirmed(target, factors, where)
        if product is not None and distinct > len(factors) + (
            abs(abs(product.constant) - 1) > _CLOSE
        ):
            return product
    return None


def _varying(target: Array, where: npt.NDArray[np.bool_]) -> tuple[bool, ...]:
    """Along which axes the target may change: it does, or there is nothing to compare."""
    shown = np.where(where & np.isfinite(target), target, np.nan)
    found = []
    for axis in range(target.ndim):
        known = np.count_nonzero(~np.isnan(shown), axis=axis)
        low = np.min(np.where(np.isnan(shown), np.inf, shown), axis=axis)
        high = np.max(np.where(np.isnan(shown), -np.inf, shown), axis=axis)
        lines = known > 1
        with np.errstate(invalid="ignore"):
            varies = (high - low) > _CLOSE * np.maximum(np.abs(high), np.abs(low))
        found.append(bool(np.any(varies & lines)) or not lines.any())
    return tuple(found)


def _terms(
    known: Sequence[Known],
    shape: tuple[int, ...],
    sample: npt.NDArray[np.intp],
    varying: tuple[bool, ...],
) -> tuple[list[tuple[Known, float]], Array]:
    """Every power of every array that varies only where the target does, as logarithms."""
    index = np.unravel_index(sample, shape)
    terms: list[tuple[Known, float]] = []
    rows: list[Array] = []
    seen: set[bytes] = set()
    for array in known:
        if any(n > 1 and not varies for n, varies in zip(array.value.shape, varying, strict=True)):
            continue
        if array.value.size == 1:
            continue
        with np.errstate(all="ignore"):
            row = np.log(np.abs(np.broadcast_to(array.value, shape)[index]))
        if not np.isfinite(row).all():
            continue
        mark = np.round(row, 8).tobytes()
        if mark in seen:
            continue
        seen.add(mark)
        for power in _PLAIN_POWERS if array.plain else _POWERS:
            terms.append((array, float(power)))
            rows.append(power * row)
    return terms, np.array(rows)


def _solutions(goal: Array, rows: Array, most: int, widest: int) -> list[tuple[int, ...]]:
    """Sets of up to three rows whose sum is the goal up to a constant, the smallest sets first."""
    normal: Array = np.random.default_rng(rows.shape[1]).standard_normal((rows.shape[1],))
    weights = normal - np.mean(normal)
    mark, marks = float(goal @ weights), rows @ weights
    slack = 1e-6 * np.sqrt(rows.shape[1])
    found: list[tuple[int, ...]] = [(int(i),) for i in np.flatnonzero(np.abs(marks - mark) < slack)]
    if most >= 2:
        order = np.argsort(marks)
        for i in range(len(marks)):
            for j in _near(marks, order, mark - marks[i], slack):
                if i < j:
                    found.append((i, int(j)))
    if most >= 3 and not found and len(marks) <= widest:
        found += _triples(mark, marks, slack)
    return [s for s in found if _agrees(goal, rows[list(s)].sum(axis=0))]


def _triples(mark: float, marks: Array, slack: float) -> list[tuple[int, ...]]:
    first, second = np.triu_indices(len(marks), 1)
    sums = marks[first] + marks[second]
    order = np.argsort(sums)
    found: list[tuple[int, ...]] = []
    for i in range(len(marks)):
        for pair in _near(sums, order, mark - marks[i], slack):
            if i < first[pair]:
                found.append((i, int(first[pair]), int(second[pair])))
        if len(found) > 2000:
            break
    return found


def _near(
    values: Array, order: npt.NDArray[np.intp], goal: float, slack: float
) -> npt.NDArray[np.intp]:
    low, high = np.searchsorted(values, [goal - slack, goal + slack], sorter=order)
    return order[low:high]


def _agrees(goal: Array, row: Array) -> bool:
    difference = goal - row
    return bool(np.ptp(difference) < _CLOSE)


def _confirmed(
    target: Array, factors: tuple[tuple[Known, float], ...], where: npt.NDArray[np.bool_]
) -> Product | None:
    with np.errstate(all="ignore"):
        value = np.broadcast_to(_power(factors), target.shape)
        ratio = target / value
    known = where & np.isfinite(target) & np.isfinite(value) & (value != 0)
    if np.count_nonzero(known) < 0.7 * np.count_nonzero(where & (target != 0)):
        return None
    constant = float(np.median(ratio[known]))
    product = Product(constant, factors)
    error = np.abs(target - product.value)[known]
    if np.any(error > _CLOSE * np.abs(target[known]) + 1e-9 * np.max(np.abs(target[known]))):
        return None
    return product if name_number(constant) is not None else None


def _power(factors: Sequence[tuple[Known, float]]) -> Any:
    value: Any = 1.0
    for known, power in factors:
        if power == int(power):
            value = value * known.value ** int(power)
        else:
            value = value * np.sign(known.value) * np.abs(known.value) ** power
    return value


def _written(name: str, power: float) -> str:
    if power == 1:
        return name
    if power == 0.5:
        return f"sqrt({name})"
    return f"{name}^{power:g}"


def name_number(value: float) -> str | None:
    """Write a number as a fraction with small terms, or the root of one; None if it is neither."""
    for root, format in ((1, "{}"), (2, "sqrt({})")):
        power = abs(value) ** root
        fraction = Fraction(power).limit_denominator(400)
        if fraction.numerator and abs(float(fraction) - power) <= 2e-7 * power:
            if fraction.numerator > 400:
                continue
            text = str(fraction) if root == 1 else format.format(fraction)
            return f"-{text}" if value < 0 else text
    return None


def write_number(value: float) -> str:
    """Write a number exactly where it is simple, else with six digits."""
    return name_number(value) or f"{value:.6g}"
