"""Directional derivatives against closed forms."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from layercheck.gradients.differences import Plan, directional_derivative
from layercheck.gradients.precision import FLOAT32, FLOAT64, precision_of


def logistic(x):
    return 1 / (1 + np.exp(-x))


def selu(x):
    return 1.05 * np.where(x > 0, x, 1.67 * np.expm1(np.minimum(x, 0)))


def smoothstep(x):
    return np.where(x < 0, 0, np.where(x > 1, 1, 3 * x**2 - 2 * x**3))


SMOOTH = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * (1 - logistic(x)))),
    "steep tanh": (lambda x: np.tanh(100 * x), lambda x: 100 * (1 - np.tanh(100 * x) ** 2)),
    "smoothstep": (smoothstep, lambda x: np.where((x < 0) | (x > 1), 0, 6 * x - 6 * x**2)),
    "selu": (selu, lambda x: 1.05 * np.where(x > 0, 1, 1.67 * np.exp(np.minimum(x, 0)))),
}
STRAIGHT = {
    "identity": (lambda x: 1 * x, np.ones_like),
    "constant": (np.ones_like, np.zeros_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "abs": (np.abs, np.sign),
    "clip": (lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1) * 1.0),
}
FUNCTIONS = SMOOTH | STRAIGHT


def points(rng, count, dtype=np.float64):
    """Values near 1 in size, on a short grid, none on a multiple of 1/2."""
    x = np.round(rng.normal(size=count) * 2**14) / 2**14
    return np.where(x * 2 == np.round(x * 2), x + 2**-9, x).astype(dtype)


def directions(rng, count, bits=8, dtype=np.float64):
    v = np.round(rng.normal(size=count) * 2**bits) / 2**bits
    return v.astype(dtype)


def differentiate(function, x, v, **options):
    derivatives, plan = directional_derivative(
        lambda t: [function(x + x.dtype.type(t) * v)], [function(x)], **options
    )
    return derivatives[0], plan


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bound_covers_the_truth(name):
    function, slope = FUNCTIONS[name]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, v = points(rng, 2000), directions(rng, 2000)
        found, _ = differentiate(function, x, v)
        error = np.abs(found.value - slope(x) * v)

        assert np.all(error[~found.flagged] <= found.bound[~found.flagged])
        assert found.flagged.mean() < 0.001


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bound_covers_the_truth_in_float32(name):
    function, slope = FUNCTIONS[name]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = points(rng, 2000, np.float32)
        v = directions(rng, 2000, bits=4, dtype=np.float32)
        found, _ = differentiate(function, x, v, precision=FLOAT32)
        error = np.abs(found.value - slope(x.astype(np.float64)) * v)

        assert np.all(error[~found.flagged] <= found.bound[~found.flagged])


@pytest.mark.parametrize("name", ["sin", "silu", "relu", "identity", "clip"])
def test_bound_is_tight(name):
    rng = np.random.default_rng(0)
    x, v = points(rng, 5000), directions(rng, 5000)
    found, _ = differentiate(FUNCTIONS[name][0], x, v)

    assert np.median(found.bound) < 1e-11
    assert found.bound.max() < 1e-8


@pytest.mark.parametrize("magnitude", [1e-7, 1e-3, 1e3, 1e9])
@pytest.mark.parametrize("name", ["sin", "relu", "exp"])
def test_bound_scales_with_the_input(magnitude, name):
    function, slope = FUNCTIONS[name]
    unit = 2.0 ** np.round(np.log2(magnitude))
    rng = np.random.default_rng(1)
    x, v = points(rng, 2000), directions(rng, 2000)
    found, _ = differentiate(lambda y: function(y / unit), x * unit, v * unit)

    assert np.all(np.abs(found.value - slope(x) * v) <= found.bound)
    assert np.median(found.bound) < 1e-11


def test_kinks_at_any_distance_never_leave_the_bound():
    distance = np.concatenate([np.linspace(-0.3, 0.3, 20001), np.geomspace(1e-12, 1, 5000)])
    for below, above in [(0.0, 1.0), (0.25, 1.0), (-1.0, 1.0), (1.0, -3.0)]:
        found, _ = differentiate(
            lambda t, low=below, high=above: np.where(t > 0, high * t, low * t),
            distance,
            np.ones_like(distance),
        )
        truth = np.where(distance > 0, above, below)
        error = np.abs(found.value - truth)

        assert np.all(error[~found.flagged] <= found.bound[~found.flagged])
        assert np.abs(distance[found.flagged]).max() < 2**-21


def test_a_kink_at_the_point_is_flagged_and_its_neighbours_are_not():
    x = np.array([-1.0, 0.0, 1.0, 0.25])
    found, _ = differentiate(np.abs, x, np.ones(4))

    assert found.flagged.tolist() == [False, True, False, False]


def test_kinks_that_are_odd_about_the_point_are_seen():
    for width in (2.0**-k for k in range(1, 20)):
        found, _ = differentiate(
            lambda y, w=width: np.clip(y, -w, w) + 3 * y, np.zeros(5), np.ones(5)
        )

        assert found.flagged.all() or np.all(np.abs(found.value - 4) <= found.bound)


def test_smooth_elements_among_straight_ones_are_differentiated():
    x = np.linspace(-2, 2, 4001) + 2**-12
    found, plan = differentiate(smoothstep, x, np.ones_like(x))
    truth = np.where((x < 0) | (x > 1), 0, 6 * x - 6 * x**2)

    assert np.all(np.abs(found.value - truth) <= found.bound)
    assert found.bound.max() < 1e-4
    assert not found.flagged.any()
    assert isinstance(plan, Plan)


@pytest.mark.parametrize("precision", [FLOAT32, FLOAT64])
def test_one_smooth_element_does_not_shorten_the_steps_of_straight_ones(precision):
    dtype = np.float32 if precision is FLOAT32 else np.float64
    x = np.array([1, 2, -1, 1], dtype)

    def f(t):
        y = x + dtype(t)
        return [np.where(np.arange(4) == 0, y + dtype(0.0625) * y**2, y)]

    _, plan = directional_derivative(f, f(0), precision=precision)
    (found,), _ = directional_derivative(f, f(0), precision=precision, plan=plan)

    assert plan.triple is None
    assert plan.pair == precision.pairs[0]
    assert not found.flagged.any()
    assert np.all(np.abs(found.value - [1.125, 1, 1, 1]) <= found.bound)
    assert found.bound[1:].max() < 2000 * precision.eps


def test_a_matrix_takes_two_evaluations():
    rng = np.random.default_rng(2)
    w, x, v = rng.normal(size=(30, 20)), points(rng, 20), directions(rng, 20)
    found, plan = differentiate(lambda y: w @ y, x, v)

    assert found.evaluations == 2
    assert plan.triple is None
    assert np.all(np.abs(found.value - w @ v) <= found.bound)
    assert found.bound.max() < 1e-12


def test_a_plan_saves_the_evaluations_that_found_it():
    rng = np.random.default_rng(3)
    x, v = points(rng, 100), directions(rng, 100)
    first, plan = differentiate(np.sin, x, v)
    second, again = differentiate(np.sin, x, v, plan=plan)

    assert second.evaluations == 6 < first.evaluations
    assert again == plan
    assert np.array_equal(first.value, second.value)


def test_no_step_exceeds_the_limit():
    steps = []

    def function(t):
        steps.append(t)
        return [np.sqrt(1 / 64 + t * np.ones(3))]

    (found,), _ = directional_derivative(function, [np.full(3, 0.125)], limit=2**-7)

    assert max(map(abs, steps)) <= 2**-7
    assert np.all(np.abs(found.value - 4) <= found.bound)
    assert not found.flagged.any()


def test_an_output_that_is_not_finite_nearby_is_flagged():
    x = np.array([0.0, 1.0, 2.0])
    found, _ = differentiate(np.sqrt, x, np.ones(3))

    assert found.flagged.tolist() == [True, False, False]
    assert np.isfinite(found.value).all()
    assert np.all(np.abs(found.value - 0.5 / np.sqrt([np.inf, 1, 2]))[1:] <= found.bound[1:])


def test_complex_outputs_are_pairs_of_reals():
    x = np.array([0.5, 1.25])
    found, _ = differentiate(lambda y: np.exp(1j * y), x, np.ones(2))
    truth = np.stack([-np.sin(x), np.cos(x)], axis=-1)

    assert found.value.shape == (2, 2)
    assert np.all(np.abs(found.value - truth) <= found.bound)


def test_several_outputs_share_the_evaluations():
    x = np.array([0.5, -1.25])
    (square, shift, empty), _ = directional_derivative(
        lambda t: [(x + t) ** 2, 3 * (x + t), np.zeros((0, 4))], [x**2, 3 * x, np.zeros((0, 4))]
    )

    assert np.all(np.abs(square.value - 2 * x) <= square.bound)
    assert np.all(np.abs(shift.value - 3) <= shift.bound)
    assert empty.value.shape == empty.flagged.shape == (0, 4)


def test_rounding_to_float32_inside_is_noticed():
    rng = np.random.default_rng(4)
    x, v = points(rng, 2000), directions(rng, 2000)
    found, plan = differentiate(lambda y: np.sin(y.astype(np.float32)).astype(np.float64), x, v)

    assert plan.precision is FLOAT32
    assert np.all(np.abs(found.value - np.cos(x) * v) <= found.bound)


@pytest.mark.parametrize("reach", [30.0, 1e3, 1e4, 1e6, 1e9])
def test_a_function_of_many_periods_within_a_step_is_right_or_flagged(reach):
    rng = np.random.default_rng(0)
    x = np.round(rng.uniform(-1, 1, 500) * 2**8) * 2.0**-8 * reach
    v = np.round(rng.standard_normal(500) * 2**8) * 2.0**-8 * 2.0 ** round(np.log2(reach))
    (found,), plan = directional_derivative(lambda t: [np.cos(x + t * v)], [np.cos(x)])

    error = np.abs(found.value + np.sin(x) * v)
    assert np.all((error <= found.bound) | found.flagged)
    assert plan.precision is FLOAT64
    assert np.count_nonzero(found.flagged) < 250 or reach > 1e4


def test_noise_above_rounding_widens_the_bound():
    rng = np.random.default_rng(5)
    x, v = points(rng, 5000), directions(rng, 5000)
    found, _ = differentiate(lambda y: (y + 1e6) - 1e6 + np.sin(y), x, v)

    assert np.all(np.abs(found.value - (1 + np.cos(x)) * v) <= found.bound)


def test_triples_converge_with_order_six():
    errors = []
    for step in (2**-3, 2**-4):
        found, _ = differentiate(
            np.exp, np.ones(1), np.ones(1), plan=Plan(step, 0.0, FLOAT64), limit=step
        )
        errors.append(abs(found.value[0] - np.e))

    assert errors[0] / errors[1] == pytest.approx(2**6, rel=0.15)


def test_memory_is_a_few_times_the_output():
    x = np.linspace(-2, 2, 400_001)
    v = np.ones_like(x)
    base = np.maximum(x, 0)
    tracemalloc.start()
    directional_derivative(lambda t: [np.maximum(x + t * v, 0)], [base])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 9 * x.nbytes


def test_precision_follows_the_dtype():
    assert precision_of(np.float64) is FLOAT64
    assert precision_of(np.float32) is FLOAT32
    assert precision_of(np.float16) is FLOAT32
