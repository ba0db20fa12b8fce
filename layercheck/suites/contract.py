"""Contract: the layer can be built, says what it takes and returns, and can be copied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from numbers import Real
from typing import Any

from layercheck.case import Case
from layercheck.copying import reachable
from layercheck.errors import LayerError, ReturnError
from layercheck.layer import Learnable, declared
from layercheck.outcome import Source
from layercheck.subject import Mode
from layercheck.suite import Check, Suite
from layercheck.suites.copies import copy_and_pickle
from layercheck.suites.evidence import (
    source_of_backward,
    source_of_error,
    source_of_pass,
)
from layercheck.suites.initializing import initialize
from layercheck.verdict import fail, skip


def construct(case: Case) -> None:
    """The class can be built with the given arguments.

    Nothing else can be asked of a layer that cannot be built. Usual causes: an argument of
    another type than the constructor expects, or sizes that contradict each other. Pass other
    arguments with --init, or mend the line of the constructor that raised.
    """


def signatures(case: Case) -> None:
    """What the passes take and return agrees with the inputs, outputs, learnables and states.

    A missing gradient or an argument too many shifts all that follow it, and a network would
    train with the wrong ones. Usual causes: backward without a gradient for each learnable,
    forward without its memory, a changed number of outputs. Factors of learn rate and L2
    penalty must not be negative: training would climb.
    """
    problems = case.subject.facts.signatures
    if problems:
        name = problems[0].partition("(")[0]
        fail(problems[0], source=case.subject.sources.get(name), details=problems[1:])
    _require_factors(case)
    modes: tuple[Mode, ...] = ("predict",) if case.subject.facts.one_pass else _BOTH
    for mode in modes:
        _require_returns(partial(case.attempt, mode), f"shapes.{mode}", source_of_pass(case, mode))
    if case.subject.facts.backward == "written":
        _require_returns(case.attempt_gradients, "shapes.gradients", source_of_backward(case))


_BOTH: tuple[Mode, ...] = ("predict", "forward")


def _require_returns(call: Callable[[], Any], needs: str, source: Source | None) -> None:
    try:
        call()
    except ReturnError as error:
        fail(
            str(error),
            source=source_of_error(error, source),
            fix=_as_expected(str(error)),
        )
    except LayerError:
        skip(f"needs {needs}")


def _as_expected(problem: str) -> str:
    if "expected a tensor" in problem:
        return "Return a tensor, or a dict, list, tuple or dataclass of tensors."
    if "where an array is expected" in problem:
        return "Return NumPy arrays: np.array(...) or np.stack(...) makes one."
    return "Return exactly these, in this order."


def _require_factors(case: Case) -> None:
    for owner, name, factor, value in _factors(case.subject.layer):
        if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
            fail(
                f"{owner} declares {name} with {factor}={value!r}.",
                where=name,
                source=case.subject.source,
                fix="A factor is 0 or more: 1 is the usual strength, 0 switches it off.",
            )


def _factors(layer: Any) -> Iterator[tuple[str, str, str, Any]]:
    """Every factor that the layer and its inner layers declare: class, name, factor, value."""
    for kind in dict.fromkeys(type(item) for item in reachable(layer)):
        for name, learnable in declared(kind, Learnable).items():
            for factor in ("learn_rate_factor", "l2_factor"):
                yield kind.__name__, name, factor, getattr(learnable, factor)


def learnables_found(case: Case) -> None:
    """Every learnable is there and is paired with a gradient.

    An array without a gradient is never trained, and nothing says so. Usual causes: the name
    is misspelt in `learnables`, or backward keeps the gradient under a name that is not that
    of the learnable. Where it is elsewhere, say so: --declare gradient.W=ATTRIBUTE.
    """
    missing = case.subject.facts.missing
    if missing:
        fail(
            f"{case.subject.name} declares {', '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not there.",
            where=", ".join(missing),
            source=case.subject.source,
            fix="Assign an array to it, or correct its name in the declaration.",
        )
    slots = case.subject.learnables
    if not slots:
        skip("the layer has no learnables; --declare learnable=NAME names one")
    lonely = [slot.name for slot in slots if slot.gradient is None]
    if lonely and case.subject.facts.backward == "written":
        fail(
            f"No gradient of learnable {', '.join(lonely)} was found after backward().",
            where=", ".join(lonely),
            source=source_of_backward(case),
            fix=f"Say where it is: --declare gradient.{lonely[0]}=ATTRIBUTE.",
        )


suite = Suite(
    "contract",
    "The layer can be built, initialised, called and copied as it says.",
    (
        Check("construct", construct, dtypes="none"),
        Check("initialize", initialize, dtypes="none"),
        Check("signatures", signatures, dtypes="none"),
        Check("learnables_found", learnables_found, dtypes="none"),
        Check("copy_and_pickle", copy_and_pickle, dtypes="none"),
    ),
)
