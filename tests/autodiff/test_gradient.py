"""layercheck.gradient: the gradient of a NumPy function."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from frameworks.needs import needs

needs("jax")

import jax  # noqa: E402

from layercheck import TraceError, UsageError, gradient  # noqa: E402


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def test_the_gradient_of_rosenbrock():
    assert gradient(rosenbrock)([-1, 2]).tolist() == [396.0, 200.0]
    assert gradient(rosenbrock)(np.array([1.0, 1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("f", "x", "low", "high"),
    [
        (np.abs, 0.0, -1, 1),
        (lambda x: np.maximum(x, 0), 0.0, 0, 1),
        (lambda x: np.where(x > 0, x, 0), 0.0, 0, 1),
        (lambda x: np.clip(x, 0, 1), 1.0, 0, 1),
        (lambda x: np.max(np.stack([x, 2 * x - 1])), 1.0, 1, 2),
        (lambda x: np.sort(np.stack([x, 3 * x]))[0], 0.0, 1, 3),
        (lambda x: np.linalg.norm(np.stack([x, x])), 0.0, -(2**0.5), 2**0.5),
        (lambda x: np.hypot(x, 0.0), 0.0, -1, 1),
        (lambda x: np.std(np.stack([x, -x])), 0.0, -1, 1),
        (lambda x: x if x > 0 else -x, 0.0, -1, 1),
        (lambda x: np.median(np.stack([x, 0 * x, 2 * x])), 0.0, 0, 2),
    ],
)
def test_the_value_at_a_kink_lies_between_the_slopes(f, x, low, high):
    assert low <= gradient(f)(x) <= high


def test_higher_orders():
    third = gradient(gradient(gradient(lambda x: x**4)))

    assert third(2.0) == pytest.approx(48.0)
    rows = [gradient(lambda x, i=i: gradient(rosenbrock)(x)[i])([-1, 2]) for i in (0, 1)]
    np.testing.assert_allclose(rows, [[402.0, 400.0], [400.0, 200.0]])


def test_nested_traces_are_not_confused():
    inner = gradient(lambda y, x: x + y)

    assert gradient(lambda x: x * inner(1.0, x))(1.0) == 1.0
    assert gradient(lambda x: x * gradient(lambda y: x * y * y)(2.0))(3.0) == pytest.approx(24.0)


def test_several_arguments():
    def loss(w, x, scale=1.0):
        return np.sum((x @ w) ** 2) * scale

    w, x = np.array([1.0, -2.0]), np.array([[1.0, 2.0], [0.5, 1.0]])
    dw, dx = gradient(loss, argnums=(0, 1))(w, x, scale=2.0)

    np.testing.assert_allclose(dw, 4 * x.T @ (x @ w))
    np.testing.assert_allclose(dx, 4 * np.outer(x @ w, w))
    np.testing.assert_allclose(gradient(loss, argnums=1)(w, x), dx / 2)


def test_the_precision_is_that_of_the_argument():
    assert gradient(lambda x: np.sum(x**2))(np.ones(3, np.float32)).dtype == np.float32
    assert gradient(lambda x: np.sum(x**2))(np.ones(3)).dtype == np.float64
    assert isinstance(gradient(lambda x: x**2)(3.0), float)


def test_a_complex_gradient_holds_both_derivatives():
    found = gradient(lambda z: np.abs(z) ** 2 + np.real(z * 2j))(1 + 2j)

    assert found == pytest.approx(2 + 2j)  # d/dRe = 2 Re, d/dIm = 2 Im - 2


def test_a_constant_has_no_slope():
    assert gradient(lambda x: 3.0)([1.0, 2.0]).tolist() == [0.0, 0.0]


def test_the_configuration_of_jax_stays_as_it_is():
    before = jax.config.jax_enable_x64
    seen = []

    gradient(lambda x: seen.append(x) or np.sum(x))(np.ones(2))

    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.ones(1).dtype == (np.float64 if before else np.float32)


def test_what_is_no_number_is_an_error():
    with pytest.raises(UsageError, match=r"shape \(2,\).*Sum it"):
        gradient(lambda x: x * 2)([1.0, 2.0])
    with pytest.raises(UsageError, match="no derivative"):
        gradient(np.argmax)([1.0, 2.0])
    with pytest.raises(UsageError, match="real part"):
        gradient(lambda x: x * 1j)(1.0)
    with pytest.raises(UsageError, match="has no gradient"):
        gradient(lambda x: x)("text")
    with pytest.raises(UsageError, match="argument 2"):
        gradient(lambda x: x, argnums=2)(1.0)
    with pytest.raises(UsageError, match="takes a function"):
        gradient(3.0)


def test_a_mistake_in_the_function_raises_what_numpy_raises():
    with pytest.raises(ValueError, match="could not be broadcast"):
        gradient(lambda x: np.sum(x + np.ones(3)))([1.0, 2.0])
    with pytest.raises(IndexError):
        gradient(lambda x: x[5])([1.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: 1 / 0)(1.0)


def test_a_broken_trace_is_no_wrong_number():
    with pytest.raises(TraceError, match=r"test_gradient.py:\d+ takes the value out"):
        gradient(lambda x: x + np.arctan(np.asarray(x)))(2.5)


def test_a_value_does_not_leave_as_text():
    with pytest.raises(ValueError, match="traced"):
        gradient(lambda x: float(f"{x:.17g}") * x)(2.5)
    assert gradient(lambda x: x * round(x))(2.75) == 3.0


def test_where_jax_is_missing_the_message_says_what_to_install():
    code = "import sys; sys.modules['jax'] = None\nimport layercheck\nlayercheck.gradient(abs)(1.0)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )

    assert "UsageError: gradient() cannot be used: jax" in done.stderr
