from __future__ import annotations

import numpy as np

from layercheck.tolerances import difference, rms, spread, tolerance


def test_equal_arrays_do_not_differ_even_where_they_are_not_finite():
    values = np.array([1.0, np.inf, -np.inf, np.nan])

    assert difference(values, values.copy(), 0.0) is None


def test_the_worst_element_is_named_with_both_values():
    found = difference(np.array([1.0, 2.5, 3.0]), np.array([1.0, 2.0, 3.1]), 1e-3)

    assert found.wrong == 2
    assert found.worst.index == (1,)
    assert (found.worst.analytic, found.worst.numeric, found.worst.error) == (2.5, 2.0, 0.5)


def test_a_nan_on_one_side_differs():
    found = difference(np.array([np.nan, 1.0]), np.array([0.0, 1.0]), 1e9)

    assert found.wrong == 1
    assert found.worst.index == (0,)


def test_rms_neither_overflows_nor_underflows():
    assert np.isclose(rms(np.array([3e200, 4e200])), np.sqrt(12.5) * 1e200)
    assert np.isclose(rms(np.array([3e-200, 4e-200])), np.sqrt(12.5) * 1e-200)


def test_the_tolerance_follows_the_scale_of_the_values():
    values = np.array([1.0, -2.0])

    assert np.isclose(tolerance(1e6 * values, 0.0, 1e-16), 1e6 * tolerance(values, 0.0, 1e-16))


def test_the_spread_is_the_largest_finite_change():
    first, second = np.array([1.0, np.inf, 2.0]), np.array([1.5, np.inf, 2.0])

    assert spread((first,), (second,)) == (0.5,)
