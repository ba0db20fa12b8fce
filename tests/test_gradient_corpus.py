"""The corpus of gradient bugs is what it says, by brute force and without the tool."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.gradient_corpus import BUGS, CORRECT, HELD_OUT
from tests.gradient_corpus.entry import is_tensor
from tests.gradient_corpus.oracle import (
    analytic,
    difference,
    make_setting,
    numeric,
    one_sided,
    pull_back,
    rows,
    run,
)

SEEDS = (0, 1)
RIGHT = 1e-8
EXACT = 1e-12
WRONG = (*BUGS, *HELD_OUT)
BASES = {base.name: base for base in CORRECT}
AT_KINKS = [bug for bug in WRONG if "grid" in bug.points]


def errors(entry, point, seed):
    """The relative error of every tensor's gradient, by check id."""
    expected = numeric(entry, BASES[getattr(entry, "base", entry.name)], point, seed)
    actual = analytic(make_setting(entry, point, seed))
    return {f"gradients.{name}": difference(actual[name], expected[name]) for name in expected}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("entry", CORRECT, ids=str)
def test_a_correct_layer_has_the_true_gradients(entry, seed):
    assert max(errors(entry, "normal", seed).values()) < RIGHT


@pytest.mark.parametrize("bug", WRONG, ids=str)
def test_a_bug_spoils_exactly_the_tensors_it_names(bug):
    smooth = [point for point in bug.points if point != "grid"]
    found = [errors(bug, point, seed) for point in (*smooth, "normal") for seed in SEEDS]
    largest = {name: max(each[name] for each in found) for name in found[0]}
    seen = bug.tensors if smooth else frozenset()

    assert {name for name, error in largest.items() if error > RIGHT} == set(seen), largest
    assert all(largest[name] > bug.smallest for name in seen), largest


def outside(entry, name, directions):
    """How far what backward claims lies outside the one-sided slopes."""
    setting = make_setting(entry, "grid")
    claimed = rows(setting, name)
    worst = 0.0
    for direction in directions(setting.values[name]):
        slope = claimed @ np.ravel(direction)
        sides = one_sided(setting, name, direction)
        worst = max(worst, np.max(np.maximum(np.min(sides, 0) - slope, slope - np.max(sides, 0))))
    return worst


def every_direction(value):
    for index in np.ndindex(value.shape):
        unit = np.zeros(value.shape)
        unit[index] = 1.0
        yield unit
    yield np.ones(value.shape)


def real_tensors(entry):
    setting = make_setting(entry, "grid")
    if any(np.iscomplexobj(z) for z in (*setting.upstream, *setting.values.values())):
        return []
    return [name for name, value in setting.values.items() if value.dtype.kind == "f"]


@pytest.mark.parametrize("bug", AT_KINKS, ids=str)
def test_a_bug_at_kinks_lies_outside_the_one_sided_slopes_where_its_base_does_not(bug):
    for name in bug.tensors:
        tensor = name.partition(".")[2]

        assert outside(bug, tensor, every_direction) > 1e-3
        assert outside(BASES[bug.base], tensor, every_direction) < 1e-5


@pytest.mark.parametrize("bug", WRONG, ids=str)
def test_a_bug_computes_what_its_base_computes(bug):
    setting = make_setting(bug)
    of_base = make_setting(BASES[bug.base])

    for ours, theirs in zip(
        run(setting.driven, setting.values), run(of_base.driven, of_base.values), strict=True
    ):
        for z, expected in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("entry", [*CORRECT, *WRONG], ids=str)
def test_an_entry_is_linear_in_the_upstream_gradient_unless_it_says_otherwise(entry):
    setting = make_setting(entry)
    once, twice, none = (analytic(setting, scale) for scale in (1.0, -2.0, 0.0))
    linear = all(
        difference(twice[name], -2 * once[name]) < EXACT and not np.any(none[name])
        for name in once
        if once[name] is not None
    )
    sided = difference_of_sum(setting, once) < 1e-9

    name = "gradients.linear_in_upstream"

    assert name in getattr(entry, "may", ()) or (linear and sided) == (
        name not in getattr(entry, "wrong", ())
    )


def difference_of_sum(setting, once):
    """The largest error of backward(d + e) = backward(d) + backward(e)."""
    others = [tuple(d[::-1] * 1.5 for d in ds) for ds in (setting.upstream, setting.state_upstream)]
    both = [
        tuple(a + b for a, b in zip(ds, es, strict=True))
        for ds, es in zip((setting.upstream, setting.state_upstream), others, strict=True)
    ]
    other, total = pull_back(setting, *others), pull_back(setting, *both)
    return max(
        difference(total[name], once[name] + other[name]) for name in once if once[name] is not None
    )


@pytest.mark.parametrize("entry", [*CORRECT, *WRONG], ids=str)
def test_a_second_backward_gives_the_same_unless_an_entry_says_otherwise(entry):
    setting = make_setting(entry)
    first = pull_back(setting, setting.upstream, setting.state_upstream)
    second = pull_back(setting, setting.upstream, setting.state_upstream, rounds=2)
    same = all(
        difference(second[name], first[name]) < EXACT for name in first if first[name] is not None
    )

    assert same == ("gradients.repeatable" not in getattr(entry, "wrong", ()))


@pytest.mark.parametrize("entry", [*CORRECT, *WRONG], ids=str)
def test_every_learnable_gets_a_gradient_unless_an_entry_says_otherwise(entry):
    gradients = analytic(make_setting(entry))
    reached = all(np.any(g) for name, g in gradients.items() if name.startswith("learnable:"))

    assert reached == ("gradients.reaches_all_learnables" not in getattr(entry, "wrong", ()))


def test_every_bug_names_its_base_its_cause_and_what_is_wrong():
    for bug in WRONG:
        assert bug.base in BASES
        assert bug.wrong
        assert bug.tensors == {name for name in bug.causes if is_tensor(name)}
        assert set(bug.causes) <= bug.wrong
        assert all(bug.causes.values())
        assert bug.note


def test_a_bug_of_every_cause_has_a_layout_of_a_real_size():
    named = {ids[0] for bug in BUGS for ids in bug.causes.values()}
    at_full = {cause for bug in BUGS if bug.full for ids in bug.causes.values() for cause in ids}

    assert named - at_full == {"stale-memory"}


def test_the_corpus_is_as_large_as_it_claims():
    bases, held_out_bases = ({bug.base for bug in bugs} for bugs in (BUGS, HELD_OUT))

    assert len(CORRECT) >= 100
    assert len(BUGS) >= 300
    assert len(bases) >= 90
    assert len(HELD_OUT) >= 55
    assert len(held_out_bases) >= 15
    assert not bases & held_out_bases


def test_no_two_entries_have_the_same_name():
    assert max(Counter(entry.name for entry in (*CORRECT, *WRONG)).values()) == 1


def narrowed(value):
    kinds = {"f": np.float32, "c": np.complex64}
    return value.astype(kinds.get(value.dtype.kind, value.dtype))


@pytest.mark.parametrize("entry", [e for e in CORRECT if e.convention != "object"], ids=str)
def test_a_correct_layer_stays_in_single_precision(entry):
    setting = make_setting(entry)
    values = {name: narrowed(value) for name, value in setting.values.items()}
    outputs, _ = run(setting.driven, values)
    gradients = pull_back(
        replace(setting, values=values),
        [narrowed(d) for d in setting.upstream],
        [narrowed(d) for d in setting.state_upstream],
    )
    found = {a.dtype for a in (*outputs, *gradients.values()) if a is not None}

    assert found <= {np.dtype(np.float32), np.dtype(np.complex64)}
