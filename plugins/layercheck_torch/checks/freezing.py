"""Whether each gradient is the same where no other is asked for."""

from __future__ import annotations

from typing import Any

from layercheck import Case, Gradients, LayerError, fail, skip
from layercheck_torch.arrays import has_gradient, to_array, to_tensor
from layercheck_torch.autograd import gradients_of
from layercheck_torch.checks.live import (
    copies,
    entered,
    program_of,
    require_same_gradients,
    training,
)

_MOST = 24


def one_gradient_at_a_time(case: Case) -> None:
    """See `layercheck_torch.suite.one_gradient_at_a_time`."""
    expected = case.gradients()
    if case.is_random:
        skip("the layer draws random numbers")
    count = len(expected.inputs) + len(expected.learnables)
    if count < 2:
        skip("there is one gradient only")
    for number in range(min(count, _MOST)):
        _require_alone(case, number, expected)


def _require_alone(case: Case, number: int, expected: Gradients) -> None:
    name = _name(case, number)
    try:
        found = _alone(case, number)
    except LayerError as error:
        fail(
            f"Backward fails where the gradient of {name} alone is asked for: {error}.",
            source=case.subject.sources.get("backward") or case.subject.sources.get("forward"),
            fix="Count the arguments of forward without ctx in ctx.needs_input_grad, and save "
            "what each gradient needs.",
        )
    if found is None:
        return
    inputs: list[Any] = [None] * len(expected.inputs)
    learnables: list[Any] = [None] * len(expected.learnables)
    if number < len(inputs):
        inputs[number] = found
    else:
        learnables[number - len(inputs)] = found
    require_same_gradients(
        case,
        Gradients(tuple(inputs), tuple(learnables)),
        expected,
        "{} is another where it alone is asked for.",
        source=case.subject.sources.get("backward") or case.subject.sources.get("forward"),
        fix="Count the arguments of forward without ctx in ctx.needs_input_grad, and save what "
        "each gradient needs.",
    )


def _name(case: Case, number: int) -> str:
    names = (*case.subject.input_names, *(slot.name for slot in case.subject.learnables))
    return names[number]


def _alone(case: Case, number: int) -> Any:
    """Return the gradient of one tensor, the others being frozen; None where it has none."""
    program = program_of(case)
    arguments = entered(case, program)
    held = program.plan.holding.learnable_tensors(program.layer)
    count = len(case.point().inputs)
    leaves = [leaf for leaf, _ in arguments]
    every = [*leaves[:count], *held, *leaves[count:]]
    wanted = every[number]
    if not has_gradient(wanted):
        return None
    for leaf in held:
        leaf.requires_grad_(leaf is wanted)
    given = [x if leaf is wanted else x.detach() for leaf, x in arguments]
    outputs = program.outputs_of(given, None, training(case))
    upstream = tuple(map(to_tensor, copies(case.upstream(case.base().outputs))))
    (found,) = gradients_of(outputs, (wanted,), upstream)
    return to_array(wanted.detach() * 0 if found is None else found)
