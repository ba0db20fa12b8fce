"""Kinks: conventions between the one-sided slopes are accepted, everything else is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.structure import Blocks
from layercheck.gradients.verify import verify
from layercheck.gradients.windows import Structure
from tests.gradients.layers import MAX_POOL, Pair, data, pose


def slope_at(width, value):
    """A PReLU whose backward has the slope `value` where |x| <= width."""

    def backward(t, d):
        slope = np.where(t[0] > 0, 1.0, 0.25)
        return (d[0] * np.where(np.abs(t[0]) <= width, value, slope),)

    return Pair(lambda x: (np.where(x > 0, x, 0.25 * x),), backward)


def run(pair, x, seed=0):
    rng = np.random.default_rng(seed)
    return verify(pose(pair, (x,), 0, rng), rng)


def with_one(value, seed=0):
    x = data(np.random.default_rng(seed), 40, 25)
    x += np.copysign(0.25, x)
    x[7, 3] = value
    return x


@pytest.mark.parametrize("slope", [0.25, 0.6, 1.0])
def test_a_slope_between_both_sides_is_a_convention(slope):
    found = run(slope_at(0, slope), with_one(0.0))

    assert not found.failed
    assert found.verified.at_kinks == 1
    assert found.verified.not_adjudicated == 0
    assert found.verified.elements == found.verified.of == 1000


@pytest.mark.parametrize("slope", [0.2, 1.1, 5.0, -1.0, 0.0])
def test_a_slope_outside_both_sides_is_wrong(slope):
    found = run(slope_at(0, slope), with_one(0.0))

    assert found.failed
    assert found.at_kink
    assert found.worst.index == (7, 3)


@pytest.mark.parametrize("distance", [10.0**-k for k in range(2, 12)])
@pytest.mark.parametrize("slope", [0.6, 5.0])
def test_a_slope_wrong_near_a_kink_is_found_however_near(distance, slope):
    near = float(np.float32(distance))
    found = run(slope_at(2 * distance, slope), with_one(near))

    assert found.failed
    assert found.worst.index == (7, 3)


def test_a_right_slope_near_a_kink_is_never_accused():
    for k in range(1, 16):
        for sign in (-1, 1):
            found = run(slope_at(0, 0.25), with_one(sign * float(np.float32(10.0**-k))))

            assert not found.failed
            assert found.verified.elements == 1000


@pytest.mark.parametrize(("slope", "sides"), [(0.25, 0), (1.0, 1), (0.5, 2)])
def test_kinks_everywhere_are_judged_and_their_convention_is_told(slope, sides):
    found = run(slope_at(0, slope), np.zeros((30, 20)))

    assert not found.failed
    assert found.verified.at_kinks == found.verified.elements == 600
    assert found.sides[sides] == sum(found.sides) > 500
    assert "kink" in found.inconclusive


def test_a_wrong_slope_at_kinks_everywhere_is_wrong():
    found = run(slope_at(0, 1.5), np.zeros((30, 20)))

    assert found.failed
    assert found.at_kink


def shared_among(count):
    """Backward of a 2x2 maximum that gives ties `count` times what one of them should get."""

    def backward(t, d):
        largest = MAX_POOL.forward(t[0])[0]
        tied = t[0] == np.repeat(np.repeat(largest, 2, 0), 2, 1)
        ties = tied.reshape(t[0].shape[0] // 2, 2, t[0].shape[1] // 2, 2, *t[0].shape[2:])
        weight = count / ties.sum((1, 3))
        return (tied * np.repeat(np.repeat(weight * d[0], 2, 0), 2, 1),)

    return backward


def tied(rng, *shape):
    return np.round(rng.uniform(-2, 2, shape) * 2) / 2


@pytest.mark.parametrize("seed", range(20))
def test_ties_that_share_a_gradient_are_a_convention(seed):
    found = run(
        Pair(MAX_POOL.forward, shared_among(1)), tied(np.random.default_rng(seed), 6, 4, 3, 5)
    )

    assert not found.failed
    assert found.sides[2] > 0


@pytest.mark.parametrize("seed", range(40))
def test_ties_that_count_twice_are_wrong(seed):
    found = run(MAX_POOL, tied(np.random.default_rng(seed), 6, 4, 3, 5))

    assert found.failed
    assert found.at_kink


def test_an_output_is_accused_at_a_kink_only_if_its_block_is_confirmed():
    """The structure that is given is wrong: each output depends on two elements."""

    def forward(x):
        return (np.maximum(x, 0) + np.maximum(-np.roll(x, 1, axis=0), 0),)

    def backward(t, d):
        return (d[0] * (t[0] > 0) - np.roll(d[0], -1, axis=0) * (t[0] < 0),)

    x = np.zeros((6, 5))
    rng = np.random.default_rng(0)
    elementwise = Structure(Blocks((0, 1), ((0, 1),)))
    found = verify(pose(Pair(forward, backward), (x,), 0, rng), rng, structure=elementwise)

    assert not found.failed


def test_ties_of_a_maximum_are_accepted_when_one_side_is_chosen():
    rng = np.random.default_rng(1)
    x = data(rng, 6, 4, 3, 5)
    x[0, 0] = x[1, 1] = x[:2, :2].max(axis=(0, 1)) + 0.5

    def first_only(t, d):
        s = t[0].shape
        rows = t[0].reshape(s[0] // 2, 2, s[1] // 2, 2, *s[2:]).transpose(0, 2, 4, 5, 1, 3)
        flat = rows.reshape(*rows.shape[:4], 4)
        chosen = np.zeros_like(flat)
        np.put_along_axis(chosen, flat.argmax(-1)[..., None], 1.0, -1)
        dz = (chosen * d[0][..., None]).reshape(rows.shape)
        return (dz.transpose(0, 4, 1, 5, 2, 3).reshape(s),)

    found = run(Pair(MAX_POOL.forward, first_only), x)

    assert not found.failed
    assert found.verified.at_kinks > 0


def test_a_jump_is_no_kink():
    x = with_one(0.0)
    pair = Pair(lambda x: (x + (x > 0),), lambda t, d: (d[0],))
    found = run(pair, x)

    assert found.verified.not_adjudicated == 1
    assert not found.failed
