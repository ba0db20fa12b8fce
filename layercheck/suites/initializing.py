"""The contract's question about ``initialize``."""

from __future__ import annotations

import numpy as np

from layercheck.calling import call_layer
from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.randomness import seeded
from layercheck.rounds import Live, copies
from layercheck.subject import Instance
from layercheck.suites.evidence import line_of_error, sizes, source_of_error
from layercheck.suites.resizing import ALL_LABELS, changes, other_layouts
from layercheck.verdict import Passed, fail, skip
from layercheck.where import describe_index


def initialize(case: Case) -> Passed:
    """``initialize`` sets every learnable to finite values, once, for any sizes.

    A learnable that stays None breaks the first pass; a second call that draws new values
    throws learned ones away; and a learnable that takes the size of a wrong axis fits only
    layouts whose sizes happen to be equal. So `initialize` is called twice, and once more for
    a layout of pairwise distinct sizes at which predict must run. Read sizes by label, as in
    ``layout.size[layout.find("C")]``, and keep what is already set.
    """
    if case.subject.framework != "numpy":
        skip(f"a layer of {case.subject.framework} sets its learnables when it is built")
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
        Live(case, instance=live).run(copies(case.point(sizes=layouts).inputs), "predict")
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
