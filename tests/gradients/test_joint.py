"""Tensors that are verified together: right ones pass, and a wrong one is named alone."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.joint import Group, Member, verify_together
from layercheck.gradients.structure import Blocks
from layercheck.suites.gradient_answers import answer
from layercheck.suites.gradient_groups import shared_answers
from layercheck.suites.gradient_trials import trial
from tests.benchmarks.layers import LSTM, SelfAttention
from tests.cases import make_case
from tests.gradients.layers import Pair, data, pose

STEP = tuple(f"{name}=CB:12,40" for name in "xhc")


def first_trial(layer, *layouts, **options):
    case = make_case(layer, *layouts, budget=8, **options)
    return trial(case, 0)


def spoiled(layer, number, factor, index=(3, 5)):
    """The layer with one element of its gradient `number` multiplied."""

    class Spoiled(layer):
        def backward(self, *arguments):
            gradients = [g.copy() for g in super().backward(*arguments)]
            gradients[number][index] *= factor
            return tuple(gradients)

    return Spoiled


def test_tensors_that_share_blocks_are_verified_together():
    t = first_trial(LSTM, *STEP)
    found = shared_answers(t)

    assert set(found) == {
        *(("input", name) for name in "xh"),
        *(("learnable", name) for name in "WRb"),
    }
    for each in found.values():
        assert each.verified.in_blocks == each.verified.elements == each.verified.of
        assert each.verified.detectable_error < 1e-4
    assert found["learnable", "W"].verified.method.endswith("together with R and b")
    assert found["input", "x"].verified.method.startswith("40 blocks of 12 elements")


def forwards_of_all(t):
    before = t.case.evaluations.forward
    for tensor in t.tensors():
        assert not answer(t, tensor.kind, tensor.name).failed
    return t.case.evaluations.forward - before


def test_together_they_take_few_evaluations():
    alone = first_trial(LSTM, *STEP)
    alone.known["together"] = {}
    together = forwards_of_all(first_trial(LSTM, *STEP))

    assert together <= 105
    assert forwards_of_all(alone) > 1.5 * together


@pytest.mark.parametrize(("number", "name"), list(enumerate("xhcWRb")))
def test_the_wrong_one_of_a_group_is_named_and_no_other(number, name):
    index = (3, 0) if name == "b" else (3, 5)
    t = first_trial(spoiled(LSTM, number, 1.01, index), *STEP)
    for tensor in t.tensors():
        found = answer(t, tensor.kind, tensor.name)

        assert found.failed == (tensor.name == name)
        if found.failed:
            assert found.worst.index == index


def test_tensors_of_other_blocks_are_not_joined():
    t = first_trial(SelfAttention, "CTB:6,7,9")
    found = shared_answers(t)

    assert ("input", "x") not in found
    assert {name for _, name in found} <= {"Q", "K"}


def test_a_small_gradient_is_not_hidden_among_large_ones():
    class Uneven:
        """The second learnable hardly matters."""

        learnables = ("large", "small")

        def __init__(self):
            self.large, self.small = np.ones((6, 5)), np.ones((6, 5))

        def predict(self, x):
            w = np.tanh(self.large) + 1e-9 * np.tanh(self.small)
            return np.tanh(w.sum()) * x + np.zeros(x.shape)

        def backward(self, x, z, dz, memory):
            w = np.tanh(self.large) + 1e-9 * np.tanh(self.small)
            dw = np.sum(dz * x) * (1 - np.tanh(w.sum()) ** 2)
            slopes = (1 - np.tanh(v) ** 2 for v in (self.large, self.small))
            dlarge, dsmall = (dw * slope for slope in slopes)
            return np.tanh(w.sum()) * dz, dlarge, 1e-9 * dsmall

    t = first_trial(Uneven, "BC:40,7")
    found = shared_answers(t)

    assert found["learnable", "small"] is None


def rectified_sum(rng, kinked):
    """ReLU of (U + V) x, both learnables in one group; one row of the sum may vanish."""
    u, v, x = data(rng, 9, 6), data(rng, 9, 6), data(rng, 6, 5)
    if kinked:
        v[4] = -u[4]

    def forward(u, v):
        return (np.maximum((u + v) @ x, 0),)

    def backward(t, d):
        g = (d[0] * ((t[0] + t[1]) @ x > 0)) @ x.T
        return g, g

    pair = Pair(forward, backward)
    problems = [pose(pair, (u, v), which, np.random.default_rng(3)) for which in (0, 1)]
    members = [
        Member(p, Blocks((0,), ((0,),)), name) for p, name in zip(problems, "UV", strict=True)
    ]
    return Group(
        tuple(members),
        evaluate=lambda values: forward(*values),
        backward=lambda given: backward((u, v), given),
    )


@pytest.mark.parametrize("kinked", [False, True])
def test_where_an_output_lies_on_a_kink_each_is_looked_at_alone(kinked):
    group = rectified_sum(np.random.default_rng(0), kinked)
    found = verify_together(group, np.random.default_rng(1))

    assert [each is None for each in found] == [kinked, kinked]
