"""Contract: the layer can be built, says what it takes and returns, and can be copied."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from layercheck.calling import call_layer
from layercheck.case import Case
from layercheck.copying import reachable
from layercheck.errors import LayerError, ReturnError, describe
from layercheck.layer import Learnable, declared
from layercheck.layout import Layout
from layercheck.outcome import Evaluations, Source
from layercheck.randomness import seeded
from layercheck.subject import Arrays, Instance, Mode
from layercheck.suite import Check, Suite
from layercheck.suites.evidence import (
    line_of_error,
    sizes,
    source_of_backward,
    source_of_error,
    source_of_pass,
)
from layercheck.suites.resizing import ALL_LABELS, changes, other_layouts
from layercheck.tolerances import difference
from layercheck.verdict import Passed, fail, skip
from layercheck.where import describe_index


def construct(case: Case) -> None:
    """The class can be built with the given arguments.

    Nothing else can be asked of a layer that cannot be built. Usual causes: an argument of
    another type than the constructor expects, or sizes that contradict each other. Pass other
    arguments with --init, or mend the line of the constructor that raised.
    """


def initialize(case: Case) -> Passed:
    """``initialize`` sets every learnable to finite values, once, for any sizes.

    A learnable that stays None breaks the first pass; a second call that draws new values
    throws learned ones away; and a learnable that takes the size of a wrong axis fits only
    layouts whose sizes happen to be equal. So `initialize` is called twice, and once more for
    a layout of pairwise distinct sizes at which predict must run. Read sizes by label, as in
    ``layout.size[layout.find("C")]``, and keep what is already set.
    """
    if not case.subject.facts.initialize:
        skip(
            "the layer has no initialize method; with initialize(self, layout) it can take its "
            "sizes from the layout"
        )
    source = case.subject.sources.get("initialize")
    _require_set(case, source)
    _require_finite(case, source)
    _require_second_call_changes_nothing(case, source)
    return _require_other_layout(case, source)


def _require_set(case: Case, source: Source | None) -> None:
    missing = case.subject.facts.missing
    if missing:
        fail(
            f"initialize() leaves {', '.join(missing)} without a value.",
            where=", ".join(missing),
            source=source,
            fix="Assign an array to it in initialize(), or declare it no longer.",
        )


def _require_finite(case: Case, source: Source | None) -> None:
    for slot in case.subject.learnables:
        value = np.asarray(slot.value)
        wrong = ~np.isfinite(value) if value.dtype.kind in "fc" else np.zeros(value.shape, bool)
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            fail(
                f"initialize() sets learnable {slot.name} to {value[index]}.",
                where=describe_index(index, None, slot.name),
                source=source,
                wrong=int(wrong.sum()),
                fix="Start from finite values.",
            )


def _require_second_call_changes_nothing(case: Case, source: Source | None) -> None:
    live = case.subject.build(case.dtype, case.layouts)
    before = _values(live)
    with seeded(case.seed + 1, *live.roots()):
        call_layer("initialize()", live.layer.initialize, *case.layouts)
    names = [slot.name for slot in (*case.subject.learnables, *case.subject.states)]
    for name, first, second in zip(names, before, _values(live), strict=True):
        if not np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"):
            fail(
                f"A second initialize() changes {name}: what was learned would be lost.",
                where=name,
                source=source,
                fix=f"Return early where {name} is already set.",
            )


def _values(live: Instance) -> list[np.ndarray]:
    return [np.array(value) for value in (*live.learnables(), *live.states())]


def _require_other_layout(case: Case, source: Source | None) -> Passed:
    """Run predict at other sizes, all together and, where that fails, one size after another.

    A size that the constructor fixed cannot change, and no learnable follows it; where a
    learnable did follow the new size, predict must run with it.
    """
    free = "B" if case.options.data else ALL_LABELS  # data are given for one size of the others
    if _fails_at(case, other_layouts(case.layouts, free)) is None:
        return Passed()
    fixed = []
    for label, layouts in changes(case.layouts, free):
        error = _fails_at(case, layouts)
        if error is None:
            continue
        followers = _followers(case, layouts)
        if followers:
            fail(
                f"Initialised for {sizes(case, layouts)}, {error}.",
                where=f"{', '.join(followers)} took the size of {label}",
                source=source_of_error(error, source),
                details=line_of_error(error),
                fix='Read each size from its own axis: layout.size[layout.find("C")].',
            )
        fixed.append(label)
    return Passed((f"only at the size given: {', '.join(dict.fromkeys(fixed))}",) if fixed else ())


def _fails_at(case: Case, layouts: tuple[Layout, ...]) -> LayerError | None:
    try:
        live = case.subject.build(case.dtype, layouts)
        _predict(case, live, case.point(sizes=layouts).inputs)
    except LayerError as error:
        return error
    return None


def _followers(case: Case, layouts: tuple[Layout, ...]) -> list[str]:
    """The learnables whose shape is another at `layouts`."""
    try:
        found = case.subject.build(case.dtype, layouts).learnables()
    except LayerError:
        return []
    return [
        f"{slot.name} {np.shape(value)}"
        for slot, value in zip(case.subject.learnables, found, strict=True)
        if np.shape(value) != np.shape(slot.value)
    ]


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
            fix="Return exactly these, in this order.",
        )
    except LayerError:
        skip(f"needs {needs}")


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


def copy_and_pickle(case: Case) -> None:
    """A deep copy of the layer behaves as the layer does, and so does a pickled one.

    Checkpoints, worker processes and averaged models work on copies. Usual causes of a
    difference: ``__getstate__`` or ``__deepcopy__`` that leaves something out, and values kept
    outside the object.
    """
    case.base("predict")
    inputs = case.point().inputs
    expected = _predict(case, case.instance(), inputs)
    _require_same(case, "deep copy", copy.deepcopy, inputs, expected)
    _require_same(case, "pickled copy", _pickled, inputs, expected)


def _pickled(layer: Any) -> Any:
    return pickle.loads(pickle.dumps(layer))


def _require_same(
    case: Case, kind: str, duplicate: Callable[[Any], Any], inputs: Arrays, expected: Arrays
) -> None:
    live = case.instance()
    try:
        live.layer = duplicate(live.layer)
    except Exception as error:  # whatever the user's __getstate__ or __reduce__ raises
        skip(f"the layer cannot be copied as a {kind}: {describe(error)}")
    source = case.subject.source
    try:
        actual = _predict(case, live, inputs)
    except LayerError as error:
        fail(
            f"A {kind} of the layer does not run: {error}.",
            source=source_of_error(error, source),
            details=line_of_error(error),
            fix="Keep in the copy all that the passes read (__getstate__, __deepcopy__).",
        )
    for z, t in zip(actual, expected, strict=True):
        found = difference(z, t, 0.0) if np.shape(z) == np.shape(t) else None
        if found is not None or np.shape(z) != np.shape(t):
            fail(
                f"A {kind} of the layer predicts something else than the layer.",
                source=source,
                worst=found.worst if found else None,
                wrong=found.wrong if found else None,
                fix="Keep in the copy all that the passes read (__getstate__, __deepcopy__).",
            )


def _predict(case: Case, live: Instance, inputs: Arrays) -> Arrays:
    """Run predict on a live layer with every generator set from the case's seed."""
    case.evaluations += Evaluations(forward=1)
    with seeded(case.seed, *live.roots()):
        return live.run(tuple(x.copy() for x in inputs), "predict").outputs


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
