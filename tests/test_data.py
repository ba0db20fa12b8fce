from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layercheck.data import CLEARANCE, distinct_values, generic_values, integer_values


@given(count=st.integers(0, 3000), seed=st.integers(0, 2**32))
def test_generated_values_are_distinct_exact_in_float32_and_away_from_kinks(count, seed):
    values = distinct_values((count,), -2.0, 2.0, np.random.default_rng(seed))

    assert len(np.unique(values)) == count
    assert np.array_equal(values.astype(np.float32), values)
    assert np.all(np.abs(values) <= 2)
    assert np.all(np.abs(values - np.round(values * 2) / 2) > CLEARANCE)


@pytest.mark.parametrize("ends", [(-2.0, 2.0), (-10.0, 10.0)])
def test_a_full_size_input_has_distinct_values_too(ends):
    values = distinct_values((24, 24, 20, 128), *ends, np.random.default_rng(0))

    assert len(np.unique(values)) == 24 * 24 * 20 * 128
    assert np.array_equal(values.astype(np.float32), values)


@given(
    low=st.floats(-1e6, 1e6, allow_subnormal=False),
    width=st.floats(1e-3, 1e6, allow_subnormal=False),
)
def test_values_stay_inside_the_range(low, width):
    values = distinct_values((40,), low, low + width, np.random.default_rng(0))

    assert values.min() >= low
    assert values.max() <= low + width


def test_the_same_seed_gives_the_same_values():
    first, second = (distinct_values((5, 4), -2, 2, np.random.default_rng(3)) for _ in range(2))

    assert np.array_equal(first, second)


def test_integers_are_in_the_half_open_range_and_some_repeat():
    values = integer_values((50,), 3, 1000, np.random.default_rng(0))

    assert values.min() >= 3
    assert values.max() < 1000
    assert len(np.unique(values)) < 50


def test_equal_learnables_are_made_to_differ_and_keep_their_sign():
    ones = generic_values(np.full((3, 4), -0.25), np.random.default_rng(0))

    assert len(np.unique(ones)) == 12
    assert (ones < 0).all()


def test_zero_learnables_are_made_nonzero():
    assert (generic_values(np.zeros(7), np.random.default_rng(0)) != 0).all()


def test_learnables_that_differ_and_integers_are_kept():
    weights, counts = np.array([0.5, -1.25]), np.array([3, 3])

    assert np.array_equal(generic_values(weights, np.random.default_rng(0)), weights)
    assert np.array_equal(generic_values(counts, np.random.default_rng(0)), counts)
