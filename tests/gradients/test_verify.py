"""Verification of whole gradients: right ones pass, wrong elements are found and shown."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.verify import verify
from tests.gradients.layers import PAIRS, SIZE, Pair, data, pose, tensors_of

FULL = (24, 24, 20, 128)


def run(pair, tensors, which, seed=0, **options):
    counts = [0, 0]
    problem = pose(pair, tensors, which, np.random.default_rng(seed), counts)
    return verify(problem, np.random.default_rng(seed + 1), **options), counts[0]


def spoiled(pair, which, change):
    """The pair with one gradient changed by `change`."""

    def backward(tensors, upstream):
        gradients = list(pair.backward(tensors, upstream))
        gradients[which] = change(gradients[which], tensors, upstream)
        return tuple(gradients)

    return Pair(pair.forward, backward)


def one_element(index, factor):
    def change(gradient, *_):
        gradient = gradient.copy()
        gradient[index] *= factor
        return gradient

    return change


@pytest.mark.parametrize("name", PAIRS)
def test_right_gradients_are_never_accused(name):
    for seed in range(20):
        tensors = tensors_of(name, np.random.default_rng(seed))
        for which in range(len(tensors)):
            found, _ = run(PAIRS[name], tensors, which, seed)

            assert not found.failed
            assert found.inconclusive is None
            assert found.verified.elements == found.verified.of == tensors[which].size


@pytest.mark.parametrize("name", PAIRS)
def test_right_gradients_are_never_accused_in_float32(name):
    narrow = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}
    for seed in range(10):
        tensors = tensors_of(name, np.random.default_rng(seed))
        tensors = tuple(tensor.astype(narrow[tensor.dtype]) for tensor in tensors)
        for which in range(len(tensors)):
            found, _ = run(PAIRS[name], tensors, which, seed)

            assert not found.failed


@pytest.mark.parametrize("name", PAIRS)
def test_one_element_wrong_by_a_thousandth_is_found_and_shown(name):
    rng = np.random.default_rng(3)
    tensors = tensors_of(name, rng)
    for which, tensor in enumerate(tensors):
        problem = pose(PAIRS[name], tensors, which, np.random.default_rng(0))
        flat = int(np.argmax(np.abs(problem.gradient))) // (1 + problem.is_complex)
        index = tuple(int(i) for i in np.unravel_index(flat, tensor.shape))
        found, _ = run(spoiled(PAIRS[name], which, one_element(index, 1.001)), tensors, which)

        assert found.failed
        assert found.worst.index == index
        assert abs(found.worst.analytic / found.worst.numeric) == pytest.approx(1.001, rel=1e-4)
        if found.verified.individually:
            assert found.wrong == 1


@pytest.mark.parametrize("name", ["DENSE", "BATCH_NORM", "SOFTMAX", "MLP"])
def test_several_wrong_elements_of_one_block_are_all_shown(name):
    tensors = tensors_of(name, np.random.default_rng(3), (9, 8, 7, 12))
    problem = pose(PAIRS[name], tensors, 0, np.random.default_rng(0))
    right = np.abs(problem.gradient).reshape(-1)
    chosen = np.argsort(right)[-4:][::-1]  # in one block, or in four
    indices = [tuple(int(i) for i in np.unravel_index(flat, tensors[0].shape)) for flat in chosen]

    def change(gradient, *_):
        gradient = gradient.copy()
        for number, index in enumerate(indices):
            gradient[index] *= 1.01 + number
        return gradient

    found, _ = run(spoiled(PAIRS[name], 0, change), tensors, 0, budget=0)

    assert found.failed
    if found.wrong is None:
        assert {found.worst.index, *found.others} == set(indices)
    else:
        assert found.wrong == 4


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("factor", [-1, 0, 0.5, 1 / 5])
def test_a_gradient_off_by_a_factor_is_found(name, factor):
    tensors = tensors_of(name, np.random.default_rng(4))
    for which in range(len(tensors)):
        pair = spoiled(PAIRS[name], which, lambda g, *_: factor * g)
        found, _ = run(pair, tensors, which)

        assert found.failed


def test_an_elementwise_input_is_verified_one_by_one_in_few_evaluations():
    tensors = tensors_of("PRELU", np.random.default_rng(5), FULL)
    found, forwards = run(PAIRS["PRELU"], tensors, 0)
    slopes, forwards_of_slopes = run(PAIRS["PRELU"], tensors, 1)

    assert found.verified.individually == 1_474_560
    assert found.verified.detectable_error < 1e-7
    assert forwards <= 12
    assert slopes.verified.individually == 20
    assert forwards_of_slopes <= 6


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e8])
def test_gradients_of_any_magnitude_are_judged(scale):
    unit = 2.0 ** np.round(np.log2(scale))
    pair = PAIRS["SILU"]
    scaled = Pair(
        lambda x: pair.forward(x / unit),
        lambda t, d: (pair.backward((t[0] / unit,), d)[0] / unit,),
    )
    tensors = (data(np.random.default_rng(6), *SIZE) * unit,)
    right, _ = run(scaled, tensors, 0)
    wrong, _ = run(spoiled(scaled, 0, lambda g, *_: g * (1 + 1e-6)), tensors, 0)

    assert not right.failed
    assert right.inconclusive is None
    assert wrong.failed


def test_a_gradient_that_vanishes_rightly_passes_and_says_so():
    pair = Pair(lambda x: (np.ones_like(x),), lambda t, d: (np.zeros_like(t[0]),))
    found, _ = run(pair, (data(np.random.default_rng(7), 4, 5),), 0)

    assert found.is_zero
    assert not found.failed


def test_a_bias_that_a_normalisation_removes_passes():
    def forward(x, bias):
        y = x + bias
        return (y - y.mean(axis=0),)

    pair = Pair(forward, lambda t, d: (d[0] - d[0].mean(0), np.sum(d[0] - d[0].mean(0), axis=0)))
    rng = np.random.default_rng(8)
    found, _ = run(pair, (data(rng, 6, 5), data(rng, 5)), 1)

    assert found.is_zero
    assert not found.failed


def test_noise_makes_the_verdict_inconclusive():
    noise = np.random.default_rng(9)
    pair = Pair(
        lambda x: (x + 1e-1 * noise.standard_normal(x.shape),),
        lambda t, d: (d[0],),
    )
    found, _ = run(pair, (data(np.random.default_rng(10), 40, 3),), 0)

    assert not found.failed
    assert found.inconclusive


def test_a_gradient_that_is_not_finite_fails():
    pair = spoiled(PAIRS["SILU"], 0, one_element((1, 2, 0, 3), np.nan))
    found, _ = run(pair, tensors_of("SILU", np.random.default_rng(11)), 0)

    assert found.failed
    assert found.wrong == 1
    assert found.worst.index == (1, 2, 0, 3)


def test_an_empty_tensor_passes():
    found, _ = run(PAIRS["SPLIT"], (np.zeros((0, 4)),), 0)

    assert not found.failed
    assert found.verified.of == 0


def test_no_step_leaves_the_range():
    seen = []

    def forward(x):
        seen.append((x.min(), x.max()))
        return (np.log(x),)

    pair = Pair(forward, lambda t, d: (d[0] / t[0],))
    rng = np.random.default_rng(12)
    problem = pose(pair, (rng.uniform(0.125, 4, 200),), 0, rng, low=0.125, high=4.0)
    found = verify(problem, rng)

    assert not found.failed
    assert min(low for low, _ in seen) >= 0.125
    assert max(high for _, high in seen) <= 4.0


def test_a_missing_conjugate_is_found():
    tensors = tensors_of("COMPLEX_SCALE", np.random.default_rng(13))
    for which in (0, 1):
        pair = spoiled(PAIRS["COMPLEX_SCALE"], which, lambda g, *_: np.conj(g))
        found, _ = run(pair, tensors, which)

        assert found.failed
        assert found.wrong == tensors[which].size
        assert isinstance(found.worst.analytic, complex)


def test_the_budget_decides_between_elements_and_blocks():
    tensors = tensors_of("SOFTMAX", np.random.default_rng(14), (4, 4, 12, 5))
    blocks, _ = run(PAIRS["SOFTMAX"], tensors, 0, budget=64)
    elements, _ = run(PAIRS["SOFTMAX"], tensors, 0, budget=100)

    assert blocks.verified.in_blocks == elements.verified.individually == tensors[0].size


def test_a_dependence_on_few_neighbours_is_no_elementwise_layer():
    def forward(x):
        z = 2 * x
        z[3, 4] += x[5, 1]
        return (z,)

    def backward(t, d):
        g = 2 * d[0]
        g[5, 1] += d[0][3, 4]
        return (g,)

    for seed in range(40):
        tensors = (data(np.random.default_rng(seed), 9, 8),)
        right, _ = run(Pair(forward, backward), tensors, 0, seed)
        wrong, _ = run(Pair(forward, lambda t, d: (2 * d[0],)), tensors, 0, seed)

        assert not right.failed
        assert wrong.failed
        assert wrong.worst.index == (5, 1)


def test_every_output_is_compared():
    tensors = tensors_of("SPLIT", np.random.default_rng(15))
    pair = Pair(PAIRS["SPLIT"].forward, lambda t, d: (d[0] * (t[0] > 0),))
    found, _ = run(pair, tensors, 0)

    assert found.failed
    assert found.wrong == 10
