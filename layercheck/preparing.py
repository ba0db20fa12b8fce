"""From a loaded target to a subject: construct, adapt; and the sizes that do not fit."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from layercheck.autodiff.layers import differentiated
from layercheck.calling import BorderLike, as_answer, crossing, watched, with_place
from layercheck.case import Options
from layercheck.construction import construct
from layercheck.conventions import adapt
from layercheck.conventions.request import Request
from layercheck.cupy_layers import adapt_cupy, border_of
from layercheck.errors import CallUnavailable, LayercheckError, LayerError, LayoutError, UsageError
from layercheck.fitting import require_fit
from layercheck.frameworks.found import framework_of
from layercheck.layout import Layout
from layercheck.memory import free_memory
from layercheck.outcome import Source
from layercheck.plan import TargetPlan
from layercheck.randomness import seeded
from layercheck.subject import Subject
from layercheck.watching import Watch

# A default run holds about this many arrays of the input's size at once (tests/benchmarks).
COPIES = 40
_NO_NAME = "a_name_that_no_layer_has"


@dataclass(frozen=True)
class Prepared:
    """A target that was built: its subject, or the check that its own exception fails.

    Its calls pass through `border`.
    """

    plan: TargetPlan
    subject: Subject | None
    broken: tuple[str, LayerError | CallUnavailable] | None = None
    watch: Watch = field(default_factory=Watch)
    border: BorderLike | None = None

    @property
    def source(self) -> Source:
        """Where the layer is written."""
        return Source(self.plan.loaded.file, self.plan.loaded.line)


def prepare(plan: TargetPlan, seed: int, options: Options, watch: Watch | None = None) -> Prepared:
    """Build the layer of a target and turn it into a subject.

    Raises
    ------
    UsageError
        It is no layer, lacks arguments, or the layouts or the values given do not fit it.
    """
    for _, layout in plan.layouts:
        _require_memory(layout)
    watch = watch or Watch()
    watch.building = True
    try:
        with watched(watch):
            subject, border = _build(plan, seed, options)
    except (LayerError, CallUnavailable) as error:
        return Prepared(plan, None, _broken(error), watch)
    except UsageError:
        raise
    except Exception as error:
        answer = as_answer(error)
        if answer is None:
            raise
        if isinstance(answer, LayerError):
            answer = CallUnavailable(with_place(answer))
        return Prepared(plan, None, _broken(answer), watch)
    finally:
        watch.building = False
    require_fit(options, subject)
    if border is None:
        subject = _differentiated(subject, seed, options, watch)
    return Prepared(plan, subject, watch=watch, border=border)


def _differentiated(subject: Subject, seed: int, options: Options, watch: Watch) -> Subject:
    """A NumPy layer without backward, with gradients that are derived by tracing it."""
    if subject.framework != "numpy" or subject.facts.backward != "none":
        return subject
    watch.building = True
    try:
        with watched(watch), seeded(seed):
            return differentiated(subject, seed, options)
    finally:
        watch.building = False


def _build(plan: TargetPlan, seed: int, options: Options) -> tuple[Subject, BorderLike | None]:
    loaded = plan.loaded
    names_cupy = _names_cupy(loaded.obj)
    border = border_of(names_cupy)
    with seeded(seed), crossing(border):
        layer = construct(loaded, dict(plan.init), seed)
    request = Request(
        layer=layer,
        name=loaded.name,
        source=Source(loaded.file, loaded.line),
        layouts=plan.layouts,
        declared=plan.declared,
        call=plan.call,
        learnables=plan.learnables,
        seed=seed,
        ranges=options.ranges,
        integers=options.integers,
        data=options.data,
        names_cupy=names_cupy,
        options=options,
        fresh=None if layer is loaded.obj else partial(_built_again, plan),
    )
    with seeded(seed):
        try:
            framework = framework_of(layer)
            if framework is not None:
                return framework.adapt(request), None
            return (adapt(request), None) if border is None else adapt_cupy(request)
        except (LayercheckError, MemoryError, RecursionError):
            raise
        except Exception as error:
            if hasattr(layer, _NO_NAME):
                raise CallUnavailable(_answers(loaded.name)) from error
            raise


def _built_again(plan: TargetPlan, seed: int) -> Any:
    with seeded(seed):
        return construct(plan.loaded, dict(plan.init), seed)


def _answers(name: str) -> str:
    return (
        f"{name} answers for every name (__getattr__), so what it declares cannot be told from "
        "what it does not. Raise AttributeError for names that it does not have."
    )


def _broken(error: LayerError | CallUnavailable) -> tuple[str, LayerError | CallUnavailable]:
    """Return the check that what was raised decides: that answers, or cannot be answered."""
    call = ""
    if isinstance(error, LayerError):
        call = error.call
        if isinstance(error.original, CallUnavailable):
            error = error.original
    return ("contract.initialize" if call == "initialize()" else "contract.construct"), error


def _require_memory(layout: Layout) -> None:
    """Refuse a layout whose run would need more than half of the free memory."""
    need, free = layout.resolved().bytes(8) * COPIES, free_memory()
    if free is not None and need > free / 2:
        raise LayoutError(
            f"The layout {layout} is too large for this machine: a run at it needs about "
            f"{need / 2**30:,.1f} GiB, and half of the free memory is {free / 2**31:,.1f} GiB. "
            "Give a smaller layout."
        )


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
