"""The structure of a Jacobian: blocks, and windows that let many elements be moved at once."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.cells import all_cells, find_structure
from layercheck.gradients.structure import find_blocks
from layercheck.gradients.verify import verify
from layercheck.gradients.windows import Reach
from tests.gradients.layers import MAX_POOL, PAIRS, Pair, data, pose, tensors_of


def linear(*matrices):
    """A layer that applies one matrix along each of the first axes."""

    def apply(x, transposed):
        for axis, matrix in enumerate(matrices):
            chosen = matrix.T if transposed else matrix
            x = np.moveaxis(np.tensordot(chosen, x, (1, axis)), 0, axis)
        return x

    return Pair(lambda x: (apply(x, False),), lambda t, d: (apply(d[0], True),))


def sliding(length, offsets, stride=1, rate=1, outputs=None):
    """Output i is a weighted sum of the elements at (i stride + offset) / rate."""
    count = outputs or (length * rate - max(offsets) + min(min(offsets), 0)) // stride
    matrix = np.zeros((count, length))
    for i in range(count):
        for weight, offset in enumerate(offsets, 1):
            j = i * stride + offset
            if j % rate == 0 and 0 <= j // rate < length:
                matrix[i, j // rate] = weight
    return matrix


WINDOWS = {
    "convolution": (sliding(20, (0, 1, 2)), 3),
    "padded convolution": (sliding(20, (-1, 0, 1), outputs=20), 3),
    "dilated convolution": (sliding(20, (0, 3)), 4),
    "pooling": (sliding(20, (0, 1), stride=2, outputs=10), 2),
    "overlapping pooling": (sliding(21, (0, 1, 2), stride=2, outputs=10), 3),
    "pooling with gaps": (sliding(21, (0,), stride=3, outputs=7), 1),
    "repetition": (sliding(10, (-1, 0), rate=2, outputs=20), 1),
    "transposed convolution": (sliding(10, (-2, -1, 0), rate=2, outputs=22), 2),
}


def circular(n=20):
    return sliding(n, (-1, 0, 1), outputs=n) + np.eye(n, k=n - 1) + np.eye(n, k=1 - n)


def adaptive(n=22, m=9):
    """Windows whose lengths differ by one from place to place."""
    matrix = np.zeros((m, n))
    for i in range(m):
        matrix[i, i * n // m : -(-(i + 1) * n // m)] = 1.0
    return matrix


def problem_of(pair, shape, seed=0, counts=None):
    rng = np.random.default_rng(seed)
    return pose(pair, (data(rng, *shape),), 0, rng, counts)


def distinct(rng, *shape):
    """Values of [-2, 2], no two of them equal."""
    n = np.prod(shape)
    return rng.permutation(n).reshape(shape) * 2.0 ** (2 - np.ceil(np.log2(n))) - 2


def structure_of(pair, shape, most=100):
    return find_structure(problem_of(pair, shape), most, np.random.default_rng(1))


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_found(name):
    matrix, period = WINDOWS[name]
    found = structure_of(linear(matrix), (matrix.shape[1], 3))

    assert found.blocks.tensor == (1,)
    assert found.colours((matrix.shape[1], 3)) == period


@pytest.mark.parametrize("name", WINDOWS)
def test_elements_of_windows_are_verified_one_by_one(name):
    matrix, _ = WINDOWS[name]
    counts = [0, 0]
    problem = problem_of(linear(matrix), (matrix.shape[1], 3), counts=counts)
    found = verify(problem, np.random.default_rng(1), budget=16)

    assert not found.failed
    assert found.inconclusive is None
    assert found.verified.individually == found.verified.of == problem.value.size


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_wrong_element_of_a_window_is_named(name, place):
    matrix, _ = WINDOWS[name]
    right = linear(matrix)
    seen = np.flatnonzero(matrix.any(axis=0))
    index = (int(seen[round(place * (seen.size - 1))]), 2)

    def backward(tensors, upstream):
        gradient = right.backward(tensors, upstream)[0].copy()
        gradient[index] *= 1.0001
        return (gradient,)

    problem = problem_of(Pair(right.forward, backward), (matrix.shape[1], 3))
    found = verify(problem, np.random.default_rng(1), budget=16)

    assert found.failed
    assert found.worst.index == index
    assert found.wrong == 1


@pytest.mark.parametrize("name", ["circular", "adaptive"])
def test_windows_that_differ_from_place_to_place_accuse_nobody(name):
    matrix = {"circular": circular, "adaptive": adaptive}[name]()
    right = linear(matrix)
    for seed in range(20):
        problem = problem_of(right, (matrix.shape[1], 4), seed)
        found = verify(problem, np.random.default_rng(seed))

        assert not found.failed
        assert found.verified.elements == problem.value.size


@pytest.mark.parametrize("name", ["convolution", "pooling with gaps", "repetition"])
@pytest.mark.parametrize("missing", [True, False])
def test_one_dependence_outside_the_windows_is_seen(name, missing):
    regular, _ = WINDOWS[name]
    matrix = regular.copy()
    row, column = 1, matrix.shape[1] - 2
    matrix[row, column] += 1.0

    def forward(x):
        z = regular @ x
        z[row, 0] += x[column, 2]
        return (z,)

    def backward(tensors, upstream):
        g = regular.T @ upstream[0]
        if not missing:
            g[column, 2] += upstream[0][row, 0]
        return (g,)

    for seed in range(20):
        problem = problem_of(Pair(forward, backward), (matrix.shape[1], 5), seed)
        found = verify(problem, np.random.default_rng(seed))

        assert found.failed == missing
        if missing:
            assert found.worst.index == (column, 2)


def test_a_gradient_that_is_claimed_outside_the_windows_is_found():
    right = linear(WINDOWS["pooling with gaps"][0])

    def backward(tensors, upstream):
        gradient = right.backward(tensors, upstream)[0]
        gradient[4] += 0.001 * upstream[0][1]
        return (gradient,)

    problem = problem_of(Pair(right.forward, backward), (21, 3))
    found = verify(problem, np.random.default_rng(1))

    assert found.failed
    assert found.worst.index[0] == 4
    assert found.wrong == 3


def test_max_pooling_is_verified_element_by_element_in_few_evaluations():
    counts = [0, 0]
    rng = np.random.default_rng(0)
    problem = pose(MAX_POOL, (distinct(rng, 24, 24, 20, 32),), 0, rng, counts)
    found = verify(problem, np.random.default_rng(1))

    assert found.verified.individually == problem.value.size
    assert counts[0] <= 30


def test_two_axes_with_windows_have_the_product_of_their_colours():
    pair = linear(WINDOWS["convolution"][0], WINDOWS["overlapping pooling"][0])
    found = structure_of(pair, (20, 21, 4))

    assert [window.axis for window in found.windows] == [0, 1]
    assert found.colours((20, 21, 4)) == 9


def test_a_dense_layer_has_no_windows():
    tensors = tensors_of("DENSE", np.random.default_rng(2))
    problem = pose(PAIRS["DENSE"], tensors, 0, np.random.default_rng(0))

    assert find_structure(problem, 100, np.random.default_rng(1)).windows == ()


def test_windows_that_the_budget_does_not_allow_are_left_out():
    pair = linear(WINDOWS["convolution"][0])

    assert structure_of(pair, (20, 3), most=2).windows == ()


def test_the_colours_hold_every_element_once():
    pair = linear(WINDOWS["dilated convolution"][0], WINDOWS["pooling"][0][:, :20])
    found = structure_of(pair, (20, 20, 4))
    seen = np.zeros((20, 20, 4), int)
    for cells in all_cells(found, seen.shape):
        rows = np.arange(np.prod(cells.lengths(seen.shape)))
        seen.reshape(-1)[cells.flat(rows)] += 1

    assert np.all(seen == 1)


def test_owners_are_the_elements_that_a_window_sees():
    reach = Reach(axis=0, up=1, down=2, low=0, high=2)

    assert reach.owners(5, first=1, period=3, count=4).tolist() == [0, 1, 1, 2, 3]
    assert reach.owners(3, first=0, period=4, count=3).tolist() == [0, 1, 1]


@pytest.mark.parametrize("length", [2, 3, 7, 16])
def test_short_axes_are_told_apart_surely(length):
    """One output sees one other block: no draw may take it for a diagonal."""
    for i, j in [(0, length - 1), (length - 1, 0), (length // 2, 0)]:
        matrix = 2 * np.eye(length)
        matrix[i, j] += 1
        for seed in range(5):
            problem = problem_of(linear(matrix), (length, 5), seed)

            assert 0 not in find_blocks(problem, np.random.default_rng(seed)).tensor


def test_axes_are_paired_with_those_at_the_same_place_first():
    pair = Pair(
        lambda x: (np.fft.rfft(x, axis=0).real,),
        lambda t, d: (np.fft.rfft(d[0], axis=0).real,),
    )
    problem = problem_of(pair, (6, 6, 4))
    found = find_blocks(problem, np.random.default_rng(0))

    assert found.tensor == (1, 2)
    assert found.outputs == ((1, 2),)
