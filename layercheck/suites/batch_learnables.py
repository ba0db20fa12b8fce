"""The check that learnable gradients add up over the parts of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.observations import output_batch_axes
from layercheck.outcome import Cause
from layercheck.subject import Gradients
from layercheck.suites.agreement import Disagreement, Pair, disagreement
from layercheck.suites.batch_backward import (
    Part,
    gradients_of_batch,
    gradients_of_parts,
    mean_instead_of_sum,
    part_of,
)
from layercheck.tolerances import tolerance
from layercheck.verdict import fail, skip


def learnable_gradients_additive(case: Case) -> None:
    """The gradient of a learnable for a batch is the sum of those for its parts.

    The loss sums over observations, so its gradient does too; where the loss is a mean, the
    upstream gradient has the factor 1 / B already, and a second one in backward makes the step
    smaller as the batch grows. Other causes: the gradient of the last observation only, or a sum
    over the wrong axis.

    Fix: sum over B, T and S in backward, and divide by nothing. A layer that divides on purpose
    says so: `learnable_gradients=mean`.
    """
    if not case.subject.learnables:
        skip("the layer has no learnables")
    whole = gradients_of_batch(case)
    if case.is_random:
        skip("parts of the batch draw other random numbers than the batch")
    for parts in gradients_of_parts(case):
        pairs = _sums(case, parts, whole)
        wrong = [found for found in (disagreement([pair]) for pair in pairs) if found]
        if wrong:
            _fail(case, wrong, parts)


def _sums(case: Case, parts: Sequence[Part], whole: Gradients) -> list[Pair]:
    """Pair each gradient of the batch with what its parts have together."""
    declared_mean = case.subject.facts.learnable_gradients == "mean"
    owned = zip(*(part.gradients.learnables for part in parts), strict=True)
    return [
        _pair(case, number, whole.learnables[number], own, _together(parts, own, declared_mean))
        for number, own in enumerate(owned)
        if whole.learnables[number] is not None and all(d is not None for d in own)
    ]


def _together(parts: Sequence[Part], own: Sequence[Any], mean: bool) -> Any:
    """The sum of the parts' gradients, or their mean over observations."""
    size = sum(len(part.observations) for part in parts)
    weights = [len(part.observations) / size if mean else 1.0 for part in parts]
    return sum(weight * np.asarray(d) for weight, d in zip(weights, own, strict=True))


def _pair(case: Case, number: int, actual: Any, own: Sequence[Any], expected: Any) -> Pair:
    """Where parts cancel, rounding errors are as large as the parts, not as the sum."""
    name = case.subject.learnables[number].name
    together = np.stack([np.asarray(actual), *map(np.asarray, own)])
    limit = tolerance(together, case.gradient_spread.learnables[number], case.eps)
    return Pair(f"the gradient of {name}", f"d{name}", actual, expected, limit, None, number)


def _fail(case: Case, wrong: Sequence[Disagreement], parts: Sequence[Part]) -> None:
    first = wrong[0]
    names = " and ".join(case.subject.learnables[w.pair.number].name for w in wrong)
    declared_mean = case.subject.facts.learnable_gradients == "mean"
    word = "mean" if declared_mean else "sum"
    cause = _averaged(case, first, parts) or _one_observation(case, first, parts)
    fail(
        f"backward() returns a gradient of {names} for the batch that is not the {word} of those "
        "for its parts.",
        source=case.subject.sources.get("backward"),
        cause=cause,
        fix=_fix(cause, declared_mean),
        **first.evidence,
    )


def _fix(cause: Cause | None, declared_mean: bool) -> str:
    if cause is not None and cause.id == "mean-instead-of-sum":
        return (
            "Sum over B and divide by nothing; where the mean is meant, say so: "
            "--declare learnable_gradients=mean."
        )
    if declared_mean:
        return "Divide by the batch size, or drop the declaration learnable_gradients=mean."
    return "Sum over B, and over every other axis that the learnable lacks."


def _averaged(case: Case, wrong: Disagreement, parts: Sequence[Part]) -> Cause | None:
    own = [part.gradients.learnables[wrong.pair.number] for part in parts]
    mean = replace(wrong.pair, expected=_together(parts, own, mean=True))
    size, name = case.batch_size or 0, case.subject.learnables[wrong.pair.number].name
    if case.subject.facts.learnable_gradients == "mean" or disagreement([mean]) is not None:
        return None
    return mean_instead_of_sum(f"the gradient of {name} for a batch of {size}", size)


def _one_observation(case: Case, wrong: Disagreement, parts: Sequence[Part]) -> Cause | None:
    """Return wrong-region where the batch has the gradient of its first or last observation."""
    number, size = wrong.pair.number, case.batch_size or 0
    name = case.subject.learnables[number].name
    upstream, axes = case.upstream(case.base().outputs), output_batch_axes(case)
    for observation, word in ((0, "first"), (size - 1, "last")):
        alone = part_of(case, np.array([observation]), upstream, axes)
        own = replace(wrong.pair, expected=alone.gradients.learnables[number])
        if own.expected is not None and disagreement([own]) is None:
            return Cause(
                "wrong-region",
                f"the gradient of {name} for the batch is that of the {word} observation alone: "
                "backward() leaves the others out.",
                {"observation": observation},
            )
    return None
