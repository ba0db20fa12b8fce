"""Whether a call leaves the settings of PyTorch as they were."""

from __future__ import annotations

from typing import Any

from layercheck import Case, call_layer, fail
from layercheck_torch.checks.live import entered, program_of
from layercheck_torch.settings import SETTINGS, kept, read_settings


def settings_unchanged(case: Case) -> None:
    """See `layercheck_torch.suite.settings_unchanged`."""
    case.base()
    program = program_of(case)
    given = [x for _, x in entered(case, program)]
    names = (*program.plan.names, *(name for name, _ in program.plan.generated))
    tensors = dict(zip(names, given, strict=True))
    after: list[Any] = []

    def run() -> None:
        call = program.plan.call(program.layer)
        program.plan.arguments.call(call, tensors, program.dtype)
        after.extend(read_settings())

    with kept():
        before = read_settings()
        call_layer(program.plan.called, run)
    changed = [
        f"{name} from {old} to {new}"
        for (name, _, _), old, new in zip(SETTINGS, before, after, strict=True)
        if old != new
    ]
    if changed:
        fail(
            f"{program.plan.called} changes settings of PyTorch: {', '.join(changed)}.",
            where=", ".join(changed),
            source=case.subject.sources.get("forward"),
            fix="Change it for a block only: with torch.no_grad(): ..., with torch.autocast(...).",
        )
