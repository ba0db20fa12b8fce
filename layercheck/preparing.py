"""From a loaded target to a subject: construct, adapt; and the sizes that do not fit."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layercheck.case import Options
from layercheck.construction import construct
from layercheck.conventions import adapt
from layercheck.conventions.request import Request
from layercheck.errors import LayerError, LayoutError
from layercheck.fitting import require_fit
from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.plan import TargetPlan
from layercheck.randomness import seeded
from layercheck.subject import Subject

# A default run holds about this many arrays of the input's size at once (tests/benchmarks).
COPIES = 40


@dataclass(frozen=True)
class Prepared:
    """A target that was built: its subject, or the check that its own exception fails."""

    plan: TargetPlan
    subject: Subject | None
    broken: tuple[str, LayerError] | None = None

    @property
    def source(self) -> Source:
        """Where the layer is written."""
        return Source(self.plan.loaded.file, self.plan.loaded.line)


def prepare(plan: TargetPlan, seed: int, options: Options) -> Prepared:
    """Build the layer of a target and turn it into a subject.

    Raises
    ------
    UsageError
        It is no layer, lacks arguments, or the layouts or the values given do not fit it.
    """
    loaded = plan.loaded
    for _, layout in plan.layouts:
        _require_memory(layout)
    try:
        with seeded(seed):
            layer = construct(loaded, dict(plan.init))
    except LayerError as error:
        return Prepared(plan, None, ("contract.construct", error))
    request = Request(
        layer=layer,
        name=loaded.name,
        source=Source(loaded.file, loaded.line),
        layouts=plan.layouts,
        declared=plan.declared,
        call=plan.call,
        learnables=plan.learnables,
        seed=seed,
        names_cupy=_names_cupy(loaded.obj),
    )
    try:
        with seeded(seed):
            subject = adapt(request)
    except LayerError as error:
        check = "contract.initialize" if error.call == "initialize()" else "contract.construct"
        return Prepared(plan, None, (check, error))
    require_fit(options, subject)
    return Prepared(plan, subject)


def _require_memory(layout: Layout) -> None:
    """Refuse a layout whose run would need more than half of the free memory."""
    need, free = layout.resolved().bytes(8) * COPIES, _free_memory()
    if free is not None and need > free / 2:
        raise LayoutError(
            f"The layout {layout} is too large for this machine: a run at it needs about "
            f"{need / 2**30:,.1f} GiB, and half of the free memory is {free / 2**31:,.1f} GiB. "
            "Give a smaller layout."
        )


def _free_memory() -> int | None:
    """Free memory in bytes, None where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _names_cupy(obj: Any) -> bool:
    """Whether the text of the module that defines `obj` names cupy."""
    owner = getattr(obj, "forward", obj) if not isinstance(obj, type) else obj
    name = getattr(owner, "__module__", None) or type(obj).__module__
    module = sys.modules.get(name)
    if module is None:
        return False
    try:
        return "cupy" in inspect.getsource(module)
    except (OSError, TypeError):
        return False
