"""The gradients suite: backward returns the derivative of what forward computes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from layercheck.case import Case, Point
from layercheck.copying import copy_object
from layercheck.errors import LayerError
from layercheck.gradients.algebra import Violation, nonlinearity
from layercheck.outcome import Cause, Evaluations
from layercheck.randomness import Generators, seeded_defaults
from layercheck.subject import Gradients, Subject
from layercheck.suite import Check, Suite
from layercheck.suites.evidence import source_of_backward, tensors
from layercheck.suites.following import outputs_follow, stepped
from layercheck.suites.gradient_autodiff import autodiff
from layercheck.suites.gradient_forward_mode import forward_mode
from layercheck.suites.gradient_second_order import second_order
from layercheck.suites.gradient_tensors import verified
from layercheck.suites.gradient_trials import Trial, trial, trials
from layercheck.tolerances import difference, tolerance
from layercheck.verdict import Passed, fail, skip


def input_gradient(case: Case, name: str) -> Passed:
    """The gradient of every element of this input is right.

    backward() is compared with differences of forward(), element by element where the layer's
    structure allows it and in blocks otherwise, at values of +-2 and of +-10 (or of `--range`);
    then on a coarse grid and among zeros, ties and extremes, at the smallest layout that the
    layer accepts (`--thorough`: also at the layout itself).
    Every difference carries an error bound that was measured with it, so there is no tolerance
    to choose, and kinks are told from errors.

    A wrong input gradient misleads every layer before this one. The usual causes are a wrong
    formula, a missing factor of the upstream gradient, a sum over the wrong axes, and a forgotten
    path (a shortcut, a mean that depends on the input).
    """
    return verified(case, "input", name)


def learnable_gradient(case: Case, name: str) -> Passed:
    """The gradient of every element of this learnable is right.

    It is the derivative of sum(upstream * output), summed over all observations: the loss decides
    about a mean, and its upstream gradient has the factor 1/B already. A layer that divides by
    the batch size on purpose declares it (`--declare learnable_gradients=mean`).

    The usual causes are a mean where a sum belongs, a sum over the wrong axes, a transposed
    product, and a parameter used twice but differentiated once.
    """
    return verified(case, "learnable", name)


def state_gradient(case: Case, name: str) -> Passed:
    """The gradient of every element of this state is right.

    It is the derivative with respect to the state's value before the pass; its upstream gradient
    belongs to the value after it. The usual cause is a path that is left out: from the new state
    back to the old one, or from the output.
    """
    return verified(case, "state", name)


def linear_in_upstream(case: Case) -> None:
    """Backward is linear: backward(2d) = 2 backward(d), backward(0) = 0, and sums add up.

    A derivative is linear in the upstream gradient whatever the layer computes. A backward that
    is not forgets the upstream gradient in some term, uses it twice, or takes a branch on it, as
    in `dout[dout <= 0] = 0` where `x <= 0` is meant.
    """
    violation = _violation(case)
    if violation is None:
        return
    first = _first_trial(case)
    tensor = list(tensors(first.case, first.point, first.gradients))[violation.number]
    demands = {
        "zero": "backward(0) is not 0",
        "double": "backward(2d) is not 2 backward(d)",
        "sum": "backward(d + e) is not backward(d) + backward(e)",
    }
    fail(
        f"{demands[violation.test]}: the gradient of {tensor.title} is not linear in the upstream "
        "gradient.",
        where=tensor.where(violation.difference.worst.index),
        source=source_of_backward(case),
        worst=violation.difference.worst,
        wrong=violation.difference.wrong,
        cause=Cause(violation.cause, violation.evidence, {"test": violation.test}),
        fix="Multiply every term by the upstream gradient once, and take no branch on it.",
    )


def repeatable(case: Case) -> None:
    """A second backward after the same forward gives the same gradients.

    A backward that edits what forward kept, draws new random numbers, or adds to buffers that
    nothing empties gives a different answer the second time. Buffers that add up are right where
    the layer has a method that empties them: it is called in between. A layer that refuses a
    second backward is skipped.
    """
    case.gradients()
    first, second = _twice(case)
    spreads = case.gradient_spread
    limits = (*spreads.inputs, *spreads.learnables)
    pairs = zip(tensors(case, case.point(), first), _flat(second), strict=False)
    for number, (tensor, again) in enumerate(pairs):
        if tensor.gradient is None or again is None:
            continue
        limit = tolerance(
            tensor.gradient, limits[number] if number < len(limits) else 0.0, case.eps
        )
        found = difference(np.asarray(again), np.asarray(tensor.gradient), limit)
        if found is not None:
            fail(
                f"A second backward() gives another gradient of {tensor.title}.",
                where=tensor.where(found.worst.index),
                source=source_of_backward(case),
                details=("analytic is the second backward, numeric the first",),
                worst=found.worst,
                wrong=found.wrong,
                cause=_why_different(np.asarray(again), np.asarray(tensor.gradient), limit),
                fix="Leave what forward kept as it is, and assign gradients instead of adding.",
            )


def reaches_all_learnables(case: Case) -> None:
    """Each learnable that changes the output gets a gradient that is not zero everywhere.

    A learnable without a gradient is never trained. The usual causes are a forgotten assignment,
    a gradient stored under another name, and a backward that stops at a sub-layer. Where outputs
    do not follow small steps of a learnable, as behind a dead ReLU, a gradient of zero is right.
    """
    gradients = case.gradients()
    if not gradients.learnables:
        skip("the layer has no learnables")
    silent = [
        number
        for number, gradient in enumerate(gradients.learnables)
        if (gradient is None or not np.any(gradient)) and _matters(case, number)
    ]
    if silent:
        names = ", ".join(case.subject.learnables[number].name for number in silent)
        fail(
            f"backward() gives no gradient for {names}, which the output depends on.",
            source=source_of_backward(case),
            cause=Cause(
                "zero-gradient",
                f"changing {names} changes the output, and the gradient is zero or missing.",
                {"learnables": names},
            ),
            wrong=len(silent),
        )


def _first_trial(case: Case) -> Trial:
    found = trial(case, 0)
    return trials(case)[0] if found is None else found


def _violation(case: Case) -> Violation | None:
    """How backward is not linear, at the first draw."""
    return case.memo("gradients.nonlinearity", lambda: _find_violation(case))


def _find_violation(case: Case) -> Violation | None:
    case.gradients()
    t = _first_trial(case)
    spread = t.case.gradient_spread
    states = (0.0,) * len(t.gradients.states or ())
    return nonlinearity(
        lambda d: _flat(t.pull_back(d)),
        t.upstream,
        _flat(t.gradients),
        (*spread.inputs, *spread.learnables, *states),
    )


def _flat(gradients: Gradients) -> list[Any]:
    found = (*gradients.inputs, *gradients.learnables, *(gradients.states or ()))
    return [None if g is None else np.asarray(g) for g in found]


def _twice(case: Case) -> tuple[Gradients, Gradients]:
    """Two backwards of one object after one forward, as its user would call them."""
    evaluation = case.base()
    instance, done = evaluation.copied()
    upstream = case.upstream(evaluation.outputs)
    states: Any = None
    if case.subject.facts.state_gradients:
        states = tuple(np.zeros_like(state) for state in evaluation.states)
    generators = Generators(*instance.roots())
    after = copy_object(tuple(instance.states()))
    case.evaluations += Evaluations(backward=2)
    with generators.preserved(), seeded_defaults(2**32 + 1):
        generators.restore(evaluation.generators)
        first = copy_object(instance.pull_back(done, copy_object(upstream), states))
        if case.subject.facts.announces_update:
            instance.assign(case.point().learnables, after)
        instance.clear_gradients()
        try:
            second = instance.pull_back(done, copy_object(upstream), states)
        except LayerError as error:
            skip(f"a second backward() is refused: {error}")
    return first, second


def _why_different(again: np.ndarray, first: np.ndarray, limit: float) -> Cause | None:
    if difference(again, 2 * first, 2 * limit) is None:
        return Cause(
            "accumulates",
            "the second gradient is twice the first: backward() adds to a buffer that nothing "
            "empties.",
            {"ratio": 2.0},
        )
    return None


def _matters(case: Case, number: int) -> bool:
    """Whether the output follows a learnable, however little that moves."""
    if case.subject.learnables[number].gradient is None:
        return False
    point = case.point()

    def at(step: float) -> Point:
        learnables = list(point.learnables)
        value = np.asarray(learnables[number])
        learnables[number] = stepped(value, step, case.rng("nearby", number))
        return replace(point, learnables=tuple(learnables))

    return outputs_follow(case, at)


def _inputs(subject: Subject) -> tuple[str, ...]:
    return subject.input_names


def _learnables(subject: Subject) -> tuple[str, ...]:
    return tuple(slot.name for slot in subject.learnables)


def _states(subject: Subject) -> tuple[str, ...]:
    return tuple(slot.name for slot in subject.states)


suite = Suite(
    "gradients",
    "backward returns the derivative of what forward computes.",
    (
        Check("linear_in_upstream", linear_in_upstream),
        Check("input", input_gradient, cases=_inputs),
        Check("learnable", learnable_gradient, cases=_learnables),
        Check("state", state_gradient, cases=_states),
        Check("repeatable", repeatable),
        Check("reaches_all_learnables", reaches_all_learnables),
        Check("autodiff", autodiff, dtypes="all"),
        Check("second_order", second_order),
        Check("forward_mode", forward_mode),
    ),
)
