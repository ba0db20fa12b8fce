"""Gradients that are right up to a number: zero, the sign, a mean for a sum, a constant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.gradients.numbers import kept_numbers
from layercheck.gradients.products import write_number
from layercheck.gradients.refit import batch_size
from layercheck.outcome import Cause
from layercheck.where import axis_names

_CLOSE = 1e-6


def ratio(evidence: Evidence) -> float | None:
    """Return the factor c with claimed = c true at every entry; None where there is none."""
    true = np.nan_to_num(evidence.true)
    weight = float(np.sum(true**2))
    if weight == 0 or not np.isfinite(evidence.claimed).all():
        return None
    factor = float(np.sum(true * evidence.claimed)) / weight
    return factor if evidence.is_claimed(factor * evidence.true) else None


def zero_gradient(evidence: Evidence) -> Cause | None:
    """Backward gives nothing, and there is something."""
    if np.any(evidence.claimed) or not np.any(np.nan_to_num(evidence.true)):
        return None
    if _others_are_claimed(evidence):
        number = evidence.specimen.output_names[evidence.output]
        if not evidence.shared:
            return Cause(
                "wrong-region",
                f"backward() gives zero for those elements of {evidence.name} that {number} "
                "depends on (no other output does), and the true gradient is not zero there.",
                {"output": number},
            )
        return Cause(
            "missing-term",
            f"the gradient of {evidence.name} does not depend on the upstream gradient of "
            f"{number}, although {number} depends on {evidence.name}: add that path.",
            {"output": number},
        )
    return Cause(
        "zero-gradient",
        f"backward() returns zero for every element of {evidence.name}, and the output depends "
        "on it.",
    )


def _others_are_claimed(evidence: Evidence) -> bool:
    specimen = evidence.specimen
    return bool(np.any(specimen.pull_back(specimen.upstream())[evidence.tensor.title]))


def sign_flipped(evidence: Evidence) -> Cause | None:
    """Analytic / numeric = -1."""
    if not evidence.is_claimed(-evidence.true):
        return None
    return Cause(
        "sign-flipped",
        f"analytic / numeric = -1 at every element{_at(evidence)}: a minus sign is missing or "
        "there is one too many.",
        {"ratio": -1.0},
    )


def constant_factor(evidence: Evidence) -> Cause | None:
    """One factor everywhere: named, and fitted again at a second batch size."""
    factor = ratio(evidence)
    if factor is None or abs(factor + 1) < _CLOSE or factor == 0:
        return None
    second = evidence.refit(("B",))
    again, other = (second.ratio, second.batch) if second is not None else (None, None)
    size = batch_size(evidence.specimen)
    follows = _exponent(factor, again, size, other)
    mean = _mean(evidence, factor, again, follows, other)
    return mean or _constant(evidence, factor, again, follows, other)


def _exponent(
    factor: float, again: float | None, size: int | None, other: int | None
) -> float | None:
    """With which power of the batch size the factor goes; None where that is not known."""
    if again is None or size is None or other is None or size == other:
        return None
    if again * factor <= 0:
        return None
    power = math.log(again / factor) / math.log(other / size)
    nearest = round(power * 2) / 2
    return nearest if abs(power - nearest) < 1e-5 else None


def _mean(
    evidence: Evidence,
    factor: float,
    again: float | None,
    follows: float | None,
    other: int | None,
) -> Cause | None:
    """1 over a product of sizes; with B among them exactly if the factor follows B."""
    if again is not None and follows not in (0.0, -1.0):
        return None
    matching = [
        (names, product)
        for names, product in _products(evidence)
        if (follows is None or ("B" in names) == (follows == -1.0))
        and math.isclose(factor * product, 1.0, rel_tol=_CLOSE)
    ]
    confirmed = [(follows_sizes(evidence, names, factor), names) for names, _ in matching]
    chosen = [names for fits, names in confirmed if fits]
    chosen += [names for fits, names in confirmed if fits is None]
    if not chosen:
        return None
    product = dict(matching)[chosen[0]]
    labels = "*".join(chosen[0])
    text = (
        f"analytic / numeric = 1/{product} at every element{_at(evidence)}, and {labels} is "
        f"{product}"
    )
    facts: dict[str, Any] = {"ratio": factor, "labels": labels, "product": product}
    if follows == -1.0 and again is not None:
        text += f", and {write_number(again)} at a second batch size of {other}"
        facts["ratio_at_another_batch_size"] = again
    return Cause(
        "mean-instead-of-sum",
        f"{text}: backward() averages over {labels} where it should sum.",
        facts,
    )


def follows_sizes(evidence: Evidence, names: tuple[str, ...], factor: float) -> bool | None:
    """Whether the factor changes where those sizes (but for B) do; None if it cannot be tried."""
    others = tuple(name for name in names if name != "B")
    if not others:
        return True
    if not set(others) <= set(_label_names(evidence)):
        return None
    second = evidence.refit(others)
    if second is None or second.ratio is None:
        return None
    return not math.isclose(second.ratio, factor, rel_tol=_CLOSE)


def _label_names(evidence: Evidence) -> list[str]:
    layouts = evidence.specimen.point.layouts
    return [name for layout in layouts for name in axis_names(layout.labels)]


def _products(evidence: Evidence) -> Iterator[tuple[tuple[str, ...], int]]:
    """Products of the sizes of labels, the shortest first."""
    for layout in evidence.specimen.point.layouts:
        axes = list(zip(axis_names(layout.labels), layout.shape, strict=True))
        for count in range(1, len(axes) + 1):
            for chosen in itertools.combinations(axes, count):
                product = math.prod(n for _, n in chosen)
                if product > 1:
                    yield tuple(name for name, _ in chosen), product
    yield from _output_products(evidence)


def _output_products(evidence: Evidence) -> Iterator[tuple[tuple[str, ...], int]]:
    """The number of positions of an output along its ordered axes."""
    axes = [a for a in evidence.axes if a.side == "output" and a.name[0] in "ST" and a.size > 1]
    if len(axes) > 1:
        yield tuple(f"the output's {axis.name}" for axis in axes), math.prod(a.length for a in axes)


def _constant(
    evidence: Evidence,
    factor: float,
    again: float | None,
    follows: float | None,
    other: int | None,
) -> Cause:
    text = f"analytic / numeric = {write_number(factor)} at every element{_at(evidence)}"
    facts: dict[str, Any] = {"ratio": factor}
    if again is not None:
        facts["ratio_at_another_batch_size"] = again
        if follows == 0:
            text += ", at any batch size"
        else:
            text += f", and {write_number(again)} at a second batch size of {other}"
            if follows is not None:
                text += f" (it goes with B^{follows:g})"
    meaning = _meaning(evidence, factor)
    advice = f": {meaning}" if meaning else ""
    return Cause(
        "constant-factor", f"{text}{advice}; multiply by {write_number(1 / factor)}.", facts
    )


def _meaning(evidence: Evidence, factor: float) -> str | None:
    """What the number may be: one that the layer keeps, a size, the root of a size."""
    for value, reading in ((factor, "{}"), (1 / factor, "1/{}")):
        for name, number in kept_numbers(evidence.specimen.case.subject.layer).items():
            if number not in (0, 1) and math.isclose(value, number, rel_tol=_CLOSE):
                return f"that is {reading.format(name)} of the layer"
        for label, name, number in _sizes(evidence):
            if math.isclose(value, number, rel_tol=_CLOSE) and follows_sizes(
                evidence, (label,), factor
            ):
                return f"that is {reading.format(name)}"
    return None


def _sizes(evidence: Evidence) -> Iterator[tuple[str, str, float]]:
    for layout in evidence.specimen.point.layouts:
        for name, n in zip(axis_names(layout.labels), layout.shape, strict=True):
            if n > 2 and name != "B":
                yield name, name, float(n)
                yield name, f"sqrt({name})", math.sqrt(n)


def mean_of_contributions(evidence: Evidence) -> Cause | None:
    """Each element's gradient is divided by how many outputs contribute to it."""
    e = evidence.merged
    outs = e.sided("output")
    felt = np.nan_to_num(e.true) != 0
    counts = felt.sum(axis=outs, keepdims=True)
    several = counts[counts > 0]
    if not outs or several.size < 2 or several.min() == several.max():
        return None
    if not e.is_claimed(e.true / np.maximum(counts, 1)):
        return None
    return Cause(
        "mean-instead-of-sum",
        f"analytic / numeric = 1/n at every element of {e.name}, where n is the number of outputs "
        f"that contribute to it ({several.min()} to {several.max()} here): backward() averages "
        "what it should add up.",
        {"lowest": int(several.min()), "highest": int(several.max())},
    )


def _at(evidence: Evidence) -> str:
    return f" {evidence.where}" if evidence.where else ""
