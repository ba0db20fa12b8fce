"""The check that a random mask of training leaves the mean alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.errors import LayerError
from layercheck.subject import Mode
from layercheck.suites.evidence import name_of_pass, source_of_pass
from layercheck.tolerances import ROUNDING
from layercheck.verdict import Passed, fail, skip

SEEDS = 32
# Six standard errors: a right layer fails once in 10^8 runs. The error is measured between seeds,
# so elements that share a mask do not make it look smaller; where fewer seeds than this differ
# from the rest, it is not measured well enough.
SIGMAS = 6.0
FEWEST = 8
SMALL = 4096


def training_mean(case: Case) -> Passed | None:
    """Where predict is the identity, the mask that forward multiplies by has the mean 1.

    Otherwise the layer after it is trained on values of another size than it meets at inference.
    The usual cause is a dropout that zeroes a part of its input and scales neither in training
    nor at inference.

    Fix: divide the mask by the probability to keep (inverted dropout), or multiply by that
    probability in predict.
    """
    if case.subject.facts.one_pass:
        skip("predict and forward are one pass")
    case.base("predict")
    case.base("forward")
    if not case.is_random:
        skip("forward draws no random numbers")
    point = _small_point(case)
    if not _is_identity(case, point):
        skip("predict is not the identity")
    masks = _masks(case, point)
    if masks is None:
        skip("forward does not multiply its input by a random mask")
    _require_mean_of_one(case, masks)
    return None


def _small_point(case: Case) -> Point:
    """Two observations where the layout has many elements: the mask is drawn for each."""
    point = case.point()
    if case.batch_size is None or sum(np.size(x) for x in point.inputs) <= SMALL:
        return point
    small = case.point(batch=2)
    try:
        case.evaluate(small)
    except LayerError:
        return point
    return small


def _is_identity(case: Case, point: Point) -> bool:
    outputs = case.evaluate(point, "predict").outputs
    return len(outputs) == len(point.inputs) == 1 and np.array_equal(outputs[0], point.inputs[0])


def _factors(case: Case, point: Point, seed: int) -> Any:
    mode: Mode = "forward"
    outputs = case.evaluate(point, mode, seed=seed).outputs
    if len(outputs) != 1 or np.shape(outputs[0]) != np.shape(point.inputs[0]):
        return None
    return np.asarray(outputs[0]) / point.inputs[0]


def _masks(case: Case, point: Point) -> np.ndarray | None:
    """The factors of every seed, shape (SEEDS, elements); None where they are no factors."""
    if np.any(point.inputs[0] == 0):
        return None
    first = _factors(case, point, case.seed)
    other = _factors(case, case.point(draw=1, sizes=point.layouts), case.seed)
    if first is None or other is None:
        return None
    if not np.all(np.abs(first - other) <= ROUNDING * case.eps * np.abs(first)):
        return None
    return np.array([_factors(case, point, case.seed + i).ravel() for i in range(SEEDS)])


def _require_mean_of_one(case: Case, masks: np.ndarray) -> None:
    means = masks.mean(axis=1)
    values, counts = np.unique(means, return_counts=True)
    if SEEDS - counts.max() < FEWEST and len(values) > 1:
        skip("the mask differs from its usual value too rarely to measure its mean")
    mean = float(means.mean())
    error = float(means.std(ddof=1) / np.sqrt(SEEDS))
    if abs(mean - 1) <= SIGMAS * error + ROUNDING * case.eps:
        return
    levels = np.unique(masks.round(6))
    predict = name_of_pass(case, "predict")
    drawn = f"its values are {levels[0]:g} and {levels[1]:g}" if len(levels) == 2 else ""
    fail(
        f"{name_of_pass(case, 'forward')} multiplies by a random mask of mean {mean:.4g}, and "
        f"{predict} by 1.",
        where="; ".join(filter(None, [f"{mean:.4g} +- {error:.1g} over {SEEDS} seeds", drawn])),
        source=source_of_pass(case, "forward"),
        fix=f"Divide the mask by {mean:.3g}, or multiply by it in {predict}.",
    )
