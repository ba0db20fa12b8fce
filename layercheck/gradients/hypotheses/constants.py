"""Gradients that are right up to a number: zero, the sign, a mean for a sum, a constant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.gradients.evidence import Evidence
from layercheck.gradients.products import name_number, write_number
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
    gradient = evidence.specimen.claimed(evidence.tensor)
    return bool(np.any(gradient))


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
    second = evidence.again(("B",))
    again = ratio(second) if second is not None else None
    size, other = batch_size(evidence), batch_size(second) if second is not None else None
    follows = _exponent(factor, again, size, other)
    mean = _mean(evidence, factor, again, follows, size, other)
    return mean or _constant(evidence, factor, again, follows, size, other)


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
    size: int | None,
    other: int | None,
) -> Cause | None:
    """1 over a product of sizes; with B among them exactly if the factor follows B."""
    if again is not None and follows not in (0.0, -1.0):
        return None
    for names, product in _products(evidence):
        if follows is not None and ("B" in names) != (follows == -1.0):
            continue
        if math.isclose(factor * product, 1.0, rel_tol=_CLOSE) and _follows(
            evidence, names, factor
        ):
            labels = "*".join(names)
            text = (
                f"analytic / numeric = 1/{product} at every element{_at(evidence)}, and {labels} "
                f"is {product}"
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
    return None


def _follows(evidence: Evidence, names: tuple[str, ...], factor: float) -> bool:
    """Whether the factor changes where those sizes do; true where that cannot be tried."""
    others = tuple(name for name in names if name != "B")
    if not others or not set(others) <= set(_label_names(evidence)):
        return True
    second = evidence.again(others)
    again = ratio(second) if second is not None else None
    return again is None or not math.isclose(again, factor, rel_tol=_CLOSE)


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
        yield tuple(f"the output's {axis.name}" for axis in axes), math.prod(a.size for a in axes)


def _constant(
    evidence: Evidence,
    factor: float,
    again: float | None,
    follows: float | None,
    size: int | None,
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
    """What the number may be: a size, its root, a number that the layer keeps."""
    for value, reading in ((factor, "{}"), (1 / factor, "1/{}")):
        for name, number in _numbers(evidence):
            if math.isclose(value, number, rel_tol=_CLOSE):
                return f"that is {reading.format(name)}"
    return None if name_number(factor) else "the same number everywhere"


def _numbers(evidence: Evidence) -> Iterator[tuple[str, float]]:
    layer = evidence.specimen.case.subject.layer
    for name in dir(layer):
        value = getattr(layer, name, None) if not name.startswith("__") else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value not in (0, 1):
            yield f"the layer's {name}", float(value)
    for layout in evidence.specimen.point.layouts:
        for name, n in zip(axis_names(layout.labels), layout.shape, strict=True):
            if n > 2:
                yield name, float(n)
                yield f"sqrt({name})", math.sqrt(n)
    for names, product in _products(evidence):
        if len(names) > 1:
            yield "*".join(names), float(product)


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


def batch_size(evidence: Evidence) -> int | None:
    """The batch size of the evidence's point."""
    layouts = evidence.specimen.point.layouts
    sizes = {layout.shape[layout.find("B")] for layout in layouts if "B" in layout.format}
    return sizes.pop() if len(sizes) == 1 else None


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


def _at(evidence: Evidence) -> str:
    return f" {evidence.where}" if evidence.where else ""
