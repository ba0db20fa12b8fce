from __future__ import annotations

import numpy as np
import pytest

from layercheck.gradients.algebra import nonlinearity


def upstream(seed, shape=(4, 1)):
    return np.round(np.random.default_rng(seed).standard_normal(shape) * 2**10) / 2**10


@pytest.mark.parametrize("seed", range(300))
def test_nonlinearity_forgives_the_rounding_that_is_left_of_a_gradient_of_zero(seed):
    e = np.exp(np.random.default_rng([seed, 1]).uniform(-2, 2, (4, 6)))
    p = e / e.sum(axis=1, keepdims=True)
    d = upstream(seed)

    def backward(dz):  # of sum(softmax(x)), which is always 1
        return [p * (dz[0] - (dz[0] * p).sum(axis=1, keepdims=True))]

    assert nonlinearity(backward, [d], backward([d]), [0.0]) is None


@pytest.mark.parametrize(
    ("backward", "cause"),
    [
        (lambda dz: [np.ones_like(dz[0])], "missing-upstream-gradient"),
        (lambda dz: [np.where(dz[0] > 0, dz[0], 0.1 * dz[0])], "mask-from-upstream"),
        (lambda dz: [dz[0] ** 3], "upstream-nonlinear"),
    ],
)
def test_nonlinearity_names_what_makes_a_backward_nonlinear(backward, cause):
    d = upstream(0, (4, 6))

    found = nonlinearity(backward, [d], backward([d]), [0.0])

    assert found is not None
    assert found.cause == cause
