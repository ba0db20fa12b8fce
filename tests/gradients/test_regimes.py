"""The values of the regimes: where kinks are, short in binary, and inside the range."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.regimes import coarse, on_grid, stressed

RANGES = [(-2.0, 2.0), (0.25, 4.0), (-9.0, 9.0), (0.0, 1.0), (-3e-7, 3e-7), (6e8, 2.4e9)]


def drawn(limits, seed=0, shape=(6, 5, 40)):
    return np.float32(np.random.default_rng(seed).uniform(*limits, shape)).astype(float)


def test_the_grid_is_of_halves():
    found = on_grid(drawn((-2, 2)), None)

    assert set(np.unique(found)) == {k / 2 for k in range(-4, 5)}


def test_a_wide_range_has_whole_numbers():
    found = on_grid(drawn((-9, 9)), (-9.0, 9.0))

    assert set(np.unique(found)) == set(range(-8, 9))


@pytest.mark.parametrize("limits", RANGES)
def test_a_grid_stays_inside_the_range_and_has_few_values(limits):
    found = on_grid(drawn(limits), limits)

    assert limits[0] < found.min() <= found.max() < limits[1]
    assert 3 <= len(np.unique(found)) <= 17


@pytest.mark.parametrize("limits", RANGES)
@pytest.mark.parametrize("seed", range(5))
def test_stress_stays_inside_the_range(limits, seed):
    rng = np.random.default_rng(seed)
    found = stressed(drawn(limits, seed), limits, rng)

    assert limits[0] <= found.min() < found.max() <= limits[1]


def test_stress_has_zeros_tiny_and_large_values_and_ties_along_every_axis():
    found = stressed(drawn((-2, 2)), None, np.random.default_rng(1))
    sizes = np.abs(found)

    assert np.count_nonzero(found == 0) > 20
    assert np.count_nonzero((sizes > 0) & (sizes < 2e-3)) > 100
    assert {3.0, 6.0, -6.0} <= set(found.reshape(-1))
    for axis in range(found.ndim):
        assert np.count_nonzero((found == np.roll(found, 1, axis)) & (found != 0)) > 20


@pytest.mark.parametrize("values", [on_grid, lambda x, r: stressed(x, r, np.random.default_rng(2))])
def test_values_are_exact_in_single_precision(values):
    found = values(drawn((-2, 2)), None)

    np.testing.assert_array_equal(found, found.astype(np.float32))


def test_a_learnable_keeps_its_sign_and_its_zeros():
    w = np.array([0.0, -1e-3, 2e-3, 0.7, -1.2])
    found = coarse(w)

    np.testing.assert_array_equal(np.sign(found), np.sign(w))
    np.testing.assert_array_equal(found * 4, np.round(found * 4))


@pytest.mark.parametrize("w", [np.zeros(3), np.zeros((0, 2)), np.array([np.nan, 1.0])])
def test_learnables_without_a_magnitude_are_kept(w):
    np.testing.assert_array_equal(coarse(w), w)
